// Read a line of stdin without its line end, and return its size; -1 at the end of the input.
static int read_line(char* line, int limit) {
    int size = 0, c;
    while ((c = getchar()) != EOF && c != '\n') {
        if (size == limit) fail("a line of the input is too long");
        line[size++] = (char)c;
    }
    return c == EOF && size == 0 ? -1 : size;
}
