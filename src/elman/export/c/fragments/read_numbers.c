// Read numbers between spaces, and return how many there are; what is no number ends the program.
static int read_numbers(char* text, int size, int* numbers, int limit) {
    int count = 0;
    text[size] = '\0';
    for (char* end = text + strspn(text, " \t\r\n"); *end; end += strspn(end, " \t\r\n")) {
        if (count == limit) fail("the input has too many numbers");
        char* begin = end;
        numbers[count++] = (int)strtol(begin, &end, 10);
        if (end == begin) fail("the input is no list of numbers");
    }
    return count;
}
