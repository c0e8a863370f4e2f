// One step of the simple recurrent network (Elman, 1990) with weights of int8:
//
//     h' = max(0, W x + b_ih + U h + b_hh)
static void elman_relu_int8(const int8_layer* layer, layer_input x, float* h) {
    const int H = layer->units;
    float s[MAX_UNITS], u[MAX_UNITS];
    input_products(s, layer, x, H);
    multiply_int8(u, layer->U, layer->U_scale, layer->b_hh, h, H, H);
    for (int j = 0; j < H; ++j) s[j] += u[j];
    for (int j = 0; j < H; ++j) h[j] = s[j] < 0.0f ? 0.0f : s[j];
}
