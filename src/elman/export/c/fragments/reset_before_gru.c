// A layer of reset-before gated recurrent units in one direction. The rows of W (3 * units, inputs) and b are those of r,
// z, n; the rows of U_rz (2 * units, units) are those of r, z; U_n is (units, units).
typedef struct {
    int inputs, units;
    const float *W, *b, *U_rz, *U_n;
} reset_before_gru_layer;

// One step of the gated recurrent unit of Cho et al. (2014): r is applied before U_n.
//
//     r  = sigmoid(W_r x + b_r + U_r h)                reset gate
//     z  = sigmoid(W_z x + b_z + U_z h)                update gate
//     n  = tanh(W_n x + b_n + U_n (r * h))             candidate
//     h' = (1 - z) * n + z * h
static void reset_before_gru(const reset_before_gru_layer* layer, const float* x, float* h) {
    const int H = layer->units;
    float a[3 * MAX_UNITS], u[2 * MAX_UNITS], rh[MAX_UNITS];
    multiply(a, layer->W, layer->b, x, 3 * H, layer->inputs);
    multiply(u, layer->U_rz, NULL, h, 2 * H, H);
    for (int j = 0; j < H; ++j) rh[j] = sigmoid(a[j] + u[j]) * h[j];
    for (int j = 0; j < H; ++j) {
        float z = sigmoid(a[H + j] + u[H + j]);
        float n = hyperbolic_tangent(a[2 * H + j] + dot(layer->U_n + (size_t)j * H, rh, H));
        h[j] = (1.0f - z) * n + z * h[j];
    }
}
