// Set n values.
static void fill_doubles(double* values, int n, double value) {
    for (int i = 0; i < n; ++i) values[i] = value;
}
