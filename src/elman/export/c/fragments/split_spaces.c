// The words between spaces are tokens.
static int split_spaces(slice text, slice* slices, int limit) {
    const char *at = text.begin, *end = text.begin + text.size, *word = NULL;
    int count = 0;
    while (at < end) {
        const char* begin = at;
        int space = is_space(next_character(&at, end));
        if (space && word) count = add_slice(slices, count, limit, word, begin);
        word = space ? NULL : word ? word : begin;
    }
    return word ? add_slice(slices, count, limit, word, end) : count;
}
