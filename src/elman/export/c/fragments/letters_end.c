// Return the end of the letters, digits and combining marks that begin here; the beginning if there are none.
static const char* letters_end(const char* text, const char* end) {
    int after_letter = 0;
    for (const char* at = text; at < end; text = at) {
        uint32_t c = next_character(&at, end);
        int is_mark = after_letter && in_ranges(c, marks, NUM_MARKS);
        if (!is_mark && (!in_ranges(c, letters, NUM_LETTERS) || in_ranges(c, ideographs, NUM_IDEOGRAPHS))) break;
        after_letter = 1;
    }
    return text;
}
