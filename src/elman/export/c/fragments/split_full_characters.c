// Every character but the spaces is a token.
static int split_full_characters(slice text, slice* slices, int limit) {
    const char *at = text.begin, *end = text.begin + text.size;
    int count = 0;
    while (at < end) {
        const char* begin = at;
        if (!is_space(next_character(&at, end))) count = add_slice(slices, count, limit, begin, at);
    }
    return count;
}
