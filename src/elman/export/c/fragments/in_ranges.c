// Return whether a character is in one of the ranges, each a first and a last one, in rising order.
static int in_ranges(uint32_t character, const uint32_t (*ranges)[2], int count) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (ranges[middle][1] < character) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && ranges[low][0] <= character;
}
