// One step of long short-term memory, as torch.nn.LSTM computes it.
//
//     i  = sigmoid(W_i x + b_i + U_i h + c_i)          input gate
//     f  = sigmoid(W_f x + b_f + U_f h + c_f)          forget gate
//     g  = tanh(W_g x + b_g + U_g h + c_g)             candidate
//     o  = sigmoid(W_o x + b_o + U_o h + c_o)          output gate
//     c' = f * c + i * g
//     h' = o * tanh(c')
static void lstm(const recurrent_layer* layer, const float* x, float* h, float* c) {
    const int H = layer->units;
    float s[4 * MAX_UNITS];
    multiply(s, layer->W, layer->b_ih, x, 4 * H, layer->inputs);
    add_product(s, layer->U, layer->b_hh, h, 4 * H, H);
    for (int j = 0; j < H; ++j) {
        float i = sigmoid(s[j]);
        float f = sigmoid(s[H + j]);
        float g = hyperbolic_tangent(s[2 * H + j]);
        float o = sigmoid(s[3 * H + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * hyperbolic_tangent(c[j]);
    }
}
