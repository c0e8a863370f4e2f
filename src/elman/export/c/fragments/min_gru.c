// A layer of minimal gated recurrent units in one direction. The rows of W (2 * units, inputs) and b are those of z, n.
typedef struct {
    int inputs, units;
    const float *W, *b;
} min_gru_layer;

// One step of the minimal gated recurrent unit (Feng et al., 2024, section 3.1).
//
//     z  = sigmoid(W_z x + b_z)            update: how much of the candidate enters
//     n  = W_n x + b_n                     candidate
//     h' = (1 - z) * h + z * n
static void min_gru(const min_gru_layer* layer, const float* x, float* h) {
    const int H = layer->units;
    float a[2 * MAX_UNITS];
    multiply(a, layer->W, layer->b, x, 2 * H, layer->inputs);
    for (int j = 0; j < H; ++j) {
        float z = sigmoid(a[j]);
        float n = a[H + j];
        h[j] = (1.0f - z) * h[j] + z * n;
    }
}
