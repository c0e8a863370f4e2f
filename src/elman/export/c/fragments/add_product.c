// y = y + (W x + b).
static void add_product(float* y, const float* W, const float* b, const float* x, int rows, int columns) {
    for (int i = 0; i < rows; ++i) y[i] += dot(W + (size_t)i * columns, x, columns) + b[i];
}
