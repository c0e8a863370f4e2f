// Return the number of a token, and 0 if it is not among the tokens; order has their numbers in the order of their bytes.
static int look_up(const char* const* tokens, const int* order, int count, slice token) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        const char* other = tokens[order[middle]];
        size_t size = strlen(other), shared = size < (size_t)token.size ? size : (size_t)token.size;
        int difference = memcmp(other, token.begin, shared);
        if (difference == 0 && size == (size_t)token.size) return order[middle];
        if (difference < 0 || (difference == 0 && size < (size_t)token.size)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}
