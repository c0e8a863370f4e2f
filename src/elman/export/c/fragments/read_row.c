// Read numbers with commas, semicolons, spaces or tabs between them; return how many there are, limit + 1 if too many.
static int read_row(const char* line, double* row, int limit) {
    int count = 0;
    for (;;) {
        line += strspn(line, " \t\r");
        if (count == limit) return *line ? limit + 1 : count;
        char* end;
        row[count] = strtod(line, &end);
        if (end == line) row[count] = NAN;
        ++count;
        line = end + strspn(end, " \t\r");
        if (*line == '\0') return count;
        if (*line == ',' || *line == ';') {
            ++line;
        } else if (line == end) {
            fail("a line has something that is not a number");
        }
    }
}
