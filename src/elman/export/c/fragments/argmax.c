// Return the number of the largest of n values, the first of equal ones.
static int argmax(const float* values, int n) {
    int best = 0;
    for (int i = 1; i < n; ++i) {
        if (values[i] > values[best]) best = i;
    }
    return best;
}
