// Write a text with a to z in lower case and a space for every run of other characters, but none at the beginning.
static slice textbook(slice text, char* target) {
    slice result = {target, 0};
    for (int i = 0; i < text.size; ++i) {
        char c = text.begin[i], letter = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        int is_letter = letter >= 'a' && letter <= 'z';
        if (!is_letter && (result.size == 0 || target[result.size - 1] == ' ')) continue;
        target[result.size++] = (char)(is_letter ? letter : ' ');
    }
    return result;
}
