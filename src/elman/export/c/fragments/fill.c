// Set n values.
static void fill(float* values, int n, float value) {
    for (int i = 0; i < n; ++i) values[i] = value;
}
