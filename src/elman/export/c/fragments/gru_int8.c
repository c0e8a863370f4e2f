// One step of the gated recurrent unit with weights of int8; r is applied after U_n, as in torch.nn.GRU and cuDNN.
//
//     r  = sigmoid(W_r x + b_r + U_r h + c_r)          reset gate
//     z  = sigmoid(W_z x + b_z + U_z h + c_z)          update gate
//     n  = tanh(W_n x + b_n + r * (U_n h + c_n))       candidate
//     h' = (1 - z) * n + z * h
static void gru_int8(const int8_layer* layer, layer_input x, float* h) {
    const int H = layer->units;
    float a[3 * MAX_UNITS], u[3 * MAX_UNITS];
    input_products(a, layer, x, 3 * H);
    multiply_int8(u, layer->U, layer->U_scale, layer->b_hh, h, 3 * H, H);
    for (int j = 0; j < H; ++j) {
        float r = sigmoid(a[j] + u[j]);
        float z = sigmoid(a[H + j] + u[H + j]);
        float n = hyperbolic_tangent(a[2 * H + j] + r * u[2 * H + j]);
        h[j] = (1.0f - z) * n + z * h[j];
    }
}
