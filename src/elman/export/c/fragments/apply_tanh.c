// y = tanh(y).
static void apply_tanh(float* y, int n) {
    for (int j = 0; j < n; ++j) y[j] = hyperbolic_tangent(y[j]);
}
