// Return a text without the spaces at both ends.
static slice strip(const char* text, int size) {
    const char *end = text + size, *last = text;
    slice result = {text, 0};
    for (const char* at = text; at < end;) {
        const char* begin = at;
        if (is_space(next_character(&at, end))) continue;
        if (last == text) result.begin = begin;
        last = at;
        result.size = (int)(last - result.begin);
    }
    return result;
}
