// Write a text in lower case, as far as the vocabulary needs it, and return it.
static slice lower(slice text, char* target, int limit) {
    const char *at = text.begin, *end = text.begin + text.size;
    slice result = {target, 0};
    while (at < end) {
        const char* begin = at;
        uint32_t c = next_character(&at, end);
        const char* piece = begin;
        int size = (int)(at - begin), low = 0, high = NUM_LOWER_CASES;
        while (low < high) {
            int middle = (low + high) / 2;
            if (lower_cases[middle].upper < c) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low < NUM_LOWER_CASES && lower_cases[low].upper == c) {
            piece = lower_cases[low].lower;
            size = (int)strlen(piece);
        }
        if (result.size + size > limit) fail("the input is too long");
        memcpy(target + result.size, piece, (size_t)size);
        result.size += size;
    }
    return result;
}
