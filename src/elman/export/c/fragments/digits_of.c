// Return how many digits tell the numbers of rows, each of n values, from each other: 10 to 17.
static int digits_of(const double* values, int rows, int stride, int n) {
    double lowest = values[0], highest = values[0];
    for (int row = 0; row < rows; ++row) {
        for (int i = 0; i < n; ++i) {
            double value = values[(size_t)row * stride + i];
            lowest = value < lowest ? value : lowest;
            highest = value > highest ? value : highest;
        }
    }
    double largest = fabs(lowest) > fabs(highest) ? fabs(lowest) : fabs(highest), width = highest - lowest;
    int digits = 6 + (width > 0.0 ? (int)ceil(log10(largest / width)) : 0);
    return digits < 10 ? 10 : digits > 17 ? 17 : digits;
}
