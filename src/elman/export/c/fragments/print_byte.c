// The bytes of a character that is not complete yet, and between which bounds the next one must be.
static uint8_t pending[4];
static int num_pending, num_missing, next_least = 0x80, next_largest = 0xbf;

// Print U+FFFD for a character that stays incomplete.
static void end_of_bytes(void) {
    if (num_missing) fputs("\357\277\275", stdout);
    num_pending = num_missing = 0;
    next_least = 0x80;
    next_largest = 0xbf;
}

// Print a byte as soon as its character is complete, and U+FFFD for bytes that are no character.
static void print_byte(int byte) {
    if (num_missing && (byte < next_least || byte > next_largest)) end_of_bytes();
    pending[num_pending++] = (uint8_t)byte;
    if (num_missing) {
        --num_missing;
        next_least = 0x80;
        next_largest = 0xbf;
    } else if (byte >= 0xc2 && byte <= 0xf4) {
        num_missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        next_least = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
        next_largest = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    } else if (byte >= 0x80) {
        num_pending = 0;
        fputs("\357\277\275", stdout);
    }
    if (num_missing == 0 && num_pending) {
        fwrite(pending, 1, (size_t)num_pending, stdout);
        num_pending = 0;
    }
}
