// One step of long short-term memory with weights of int8, in the form of torch.nn.LSTM:
//
//     i  = sigmoid(W_i x + b_i + U_i h + c_i)          input gate
//     f  = sigmoid(W_f x + b_f + U_f h + c_f)          forget gate
//     g  = tanh(W_g x + b_g + U_g h + c_g)             candidate
//     o  = sigmoid(W_o x + b_o + U_o h + c_o)          output gate
//     c' = f * c + i * g
//     h' = o * tanh(c')
static void lstm_int8(const int8_layer* layer, layer_input x, float* h, float* c) {
    const int H = layer->units;
    float s[4 * MAX_UNITS], u[4 * MAX_UNITS];
    input_products(s, layer, x, 4 * H);
    multiply_int8(u, layer->U, layer->U_scale, layer->b_hh, h, 4 * H, H);
    for (int j = 0; j < 4 * H; ++j) s[j] += u[j];
    for (int j = 0; j < H; ++j) {
        float i = sigmoid(s[j]);
        float f = sigmoid(s[H + j]);
        float g = hyperbolic_tangent(s[2 * H + j]);
        float o = sigmoid(s[3 * H + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * hyperbolic_tangent(c[j]);
    }
}
