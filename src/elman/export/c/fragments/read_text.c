// Read stdin to its end, without a last line end, and return the size.
static int read_text(char* text, int limit) {
    int size = (int)fread(text, 1, (size_t)limit, stdin);
    if (size == limit) fail("the input is too long");
    return size > 0 && text[size - 1] == '\n' ? size - 1 : size;
}
