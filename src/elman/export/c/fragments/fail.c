// Print what is wrong, and end the program.
static void fail(const char* message) {
    fprintf(stderr, "%s\n", message);
    exit(3);
}
