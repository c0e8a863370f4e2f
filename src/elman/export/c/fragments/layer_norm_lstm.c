// A layer of layer-normalized LSTM in one direction. The rows of W, U, gains and biases are those of i, f, g, o.
typedef struct {
    int inputs, units;
    const float *W, *U, *gain_x, *bias_x, *gain_h, *bias_h, *gain_c, *bias_c;
} layer_norm_lstm_layer;

// Give v mean 0 and variance 1: v = (v - mean(v)) / sqrt(var(v) + 1e-5).
static void normalize(float* v, int n) {
    float sum = 0.0f, squares = 0.0f;
    for (int i = 0; i < n; ++i) sum += v[i];
    float mean = sum / (float)n;
    for (int i = 0; i < n; ++i) {
        v[i] -= mean;
        squares += v[i] * v[i];
    }
    float scale = 1.0f / sqrtf(squares / (float)n + 1e-5f);
    for (int i = 0; i < n; ++i) v[i] *= scale;
}

// One step of the layer-normalized LSTM (Ba et al., 2016, supplementary material).
//
//     N(v; g, b) = g * (v - mean(v)) / sqrt(var(v) + 1e-5) + b       over all entries of v
//     s  = N(W x; gain_x, bias_x) + N(U h; gain_h, bias_h)
//     i  = sigmoid(s_i)        f  = sigmoid(s_f)        g  = tanh(s_g)        o  = sigmoid(s_o)
//     c' = f * c + i * g
//     h' = o * tanh(N(c'; gain_c, bias_c))
static void layer_norm_lstm(const layer_norm_lstm_layer* layer, const float* x, float* h, float* c) {
    const int H = layer->units;
    float s[4 * MAX_UNITS], u[4 * MAX_UNITS], n[MAX_UNITS];
    multiply(s, layer->W, NULL, x, 4 * H, layer->inputs);
    multiply(u, layer->U, NULL, h, 4 * H, H);
    normalize(s, 4 * H);
    normalize(u, 4 * H);
    for (int j = 0; j < 4 * H; ++j) {
        s[j] = layer->gain_x[j] * s[j] + layer->bias_x[j] + layer->gain_h[j] * u[j] + layer->bias_h[j];
    }
    for (int j = 0; j < H; ++j) {
        float i = sigmoid(s[j]);
        float f = sigmoid(s[H + j]);
        float g = hyperbolic_tangent(s[2 * H + j]);
        n[j] = c[j] = f * c[j] + i * g;
    }
    normalize(n, H);
    for (int j = 0; j < H; ++j) {
        float o = sigmoid(s[3 * H + j]);
        h[j] = o * hyperbolic_tangent(layer->gain_c[j] * n[j] + layer->bias_c[j]);
    }
}
