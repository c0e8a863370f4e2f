// y = W x + b, or W x if b is NULL. The rows of W are stored one after another.
static void multiply(float* y, const float* W, const float* b, const float* x, int rows, int columns) {
    for (int i = 0; i < rows; ++i) y[i] = dot(W + (size_t)i * columns, x, columns) + (b ? b[i] : 0.0f);
}
