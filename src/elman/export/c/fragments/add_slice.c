// Append the text between begin and end; return the new number of slices.
static int add_slice(slice* slices, int count, int limit, const char* begin, const char* end) {
    if (count == limit) fail("the input has too many tokens");
    slices[count].begin = begin;
    slices[count].size = (int)(end - begin);
    return count + 1;
}
