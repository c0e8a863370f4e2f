// A hidden layer: y = tanh(W x + b).
static void hidden_tanh(float* y, const float* W, const float* b, const float* x, int rows, int columns) {
    multiply(y, W, b, x, rows, columns);
    for (int j = 0; j < rows; ++j) y[j] = hyperbolic_tangent(y[j]);
}
