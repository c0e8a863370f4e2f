// A hidden layer: y = max(0, W x + b).
static void hidden_relu(float* y, const float* W, const float* b, const float* x, int rows, int columns) {
    multiply(y, W, b, x, rows, columns);
    for (int j = 0; j < rows; ++j) y[j] = y[j] < 0.0f ? 0.0f : y[j];
}
