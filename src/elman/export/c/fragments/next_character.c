// Return the character at *text and go behind it. What is not UTF-8 ends the program.
static uint32_t next_character(const char** text, const char* end) {
    const uint8_t* bytes = (const uint8_t*)*text;
    int more = bytes[0] < 0x80   ? 0
               : bytes[0] < 0xc2 ? 4
               : bytes[0] < 0xe0 ? 1
               : bytes[0] < 0xf0 ? 2
               : bytes[0] < 0xf5 ? 3
                                 : 4;
    if (more == 4 || end - *text <= more) fail("the input is not UTF-8");
    uint32_t character = more ? bytes[0] & (0x3fu >> more) : bytes[0];
    for (int i = 1; i <= more; ++i) {
        if ((bytes[i] & 0xc0) != 0x80) fail("the input is not UTF-8");
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    if ((more == 2 && (character < 0x800 || (character >= 0xd800 && character < 0xe000))) ||
        (more == 3 && (character < 0x10000 || character > 0x10ffff))) {
        fail("the input is not UTF-8");
    }
    *text += more + 1;
    return character;
}
