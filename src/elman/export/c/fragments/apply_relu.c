// y = max(0, y).
static void apply_relu(float* y, int n) {
    for (int j = 0; j < n; ++j) y[j] = y[j] < 0.0f ? 0.0f : y[j];
}
