// Tokens are words (letters and digits, also with an apostrophe or a hyphen inside), Chinese and Japanese characters,
// line ends, and every other character that is no space.
static int split_words(slice text, slice* slices, int limit) {
    const char *at = text.begin, *end = text.begin + text.size;
    int count = 0;
    while (at < end) {
        const char *begin = at, *word_end = letters_end(at, end);
        if (word_end == begin) {
            uint32_t c = next_character(&at, end);
            if (c == '\n' || !is_space(c)) count = add_slice(slices, count, limit, begin, at);
            continue;
        }
        for (at = word_end; at < end; at = word_end) {
            uint32_t c = next_character(&at, end);
            const char* next = c == '\'' || c == '-' || c == 0x2019 ? letters_end(at, end) : at;
            if (next == at) break;
            word_end = next;
        }
        at = word_end;
        count = add_slice(slices, count, limit, begin, word_end);
    }
    return count;
}
