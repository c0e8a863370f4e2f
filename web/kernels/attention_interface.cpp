// Attention of a decoder's outputs to the outputs of an encoder: models/attention.py, forward and backward.
//
//   e_ts = q_t . k_s                                      the keys k are the memories m, or a product with them
//   a_t  = softmax over s of e_t                          of the first lengths[b]; the others are exactly 0
//   c_t  = sum over s of a_ts m_s
//
//   d_a_ts = d_c_t . m_s
//   d_e_ts = a_ts (d_a_ts - sum over r of a_tr d_a_tr)
//   d_q_t  = sum over s of d_e_ts k_s
//   d_k_s  = sum over t of d_e_ts q_t
//   d_m_s  = sum over t of a_ts d_c_t
//
// Queries (B, T, H), keys and memories (B, S, H), attention weights (B, T, S), lengths (B,) from 1 to S. Keys and
// memories may be one array, and so may their gradients, which are then added: that is attention `dot`.

#include <algorithm>
#include <cmath>
#include <vector>

#include "interface.hpp"

namespace elman {
namespace {

Number dot(const Number* x, const Number* y, Int count) {
    Number sum = 0;
    for (Int i = 0; i < count; ++i) sum += x[i] * y[i];
    return sum;
}

// The softmax of `length` scores, in their place.
void softmax(Number* scores, Int length) {
    const Number largest = *std::max_element(scores, scores + length);
    Number sum = 0;
    for (Int s = 0; s < length; ++s) sum += scores[s] = std::exp(scores[s] - largest);
    for (Int s = 0; s < length; ++s) scores[s] /= sum;
}

}  // namespace

ELMAN_EXPORT void attention(Int B, Int T, Int S, Int H, const Number* queries, const Number* keys,
                            const Number* memories, const Int* lengths, Number* weights, Number* contexts) {
    std::fill_n(weights, B * T * S, Number(0));
    std::fill_n(contexts, B * T * H, Number(0));
    for (Int b = 0; b < B; ++b, keys += S * H, memories += S * H)
        for (Int t = 0; t < T; ++t, queries += H, weights += S, contexts += H) {
            for (Int s = 0; s < lengths[b]; ++s) weights[s] = dot(queries, keys + s * H, H);
            softmax(weights, lengths[b]);
            for (Int s = 0; s < lengths[b]; ++s) add_multiple(contexts, weights[s], memories + s * H, H);
        }
}

// The gradients of `attention` from its weights and d_contexts (B, T, H).
ELMAN_EXPORT void attention_gradients(Int B, Int T, Int S, Int H, const Number* queries, const Number* keys,
                                      const Number* memories, const Int* lengths, const Number* weights,
                                      const Number* d_contexts, Number* d_queries, Number* d_keys, Number* d_memories) {
    std::fill_n(d_queries, B * T * H, Number(0));
    std::fill_n(d_keys, B * S * H, Number(0));
    std::fill_n(d_memories, B * S * H, Number(0));
    std::vector<Number> d_weights(std::size_t(S), Number(0));
    for (Int b = 0; b < B; ++b, keys += S * H, memories += S * H, d_keys += S * H, d_memories += S * H)
        for (Int t = 0; t < T; ++t, queries += H, weights += S, d_contexts += H, d_queries += H) {
            for (Int s = 0; s < lengths[b]; ++s) d_weights[std::size_t(s)] = dot(d_contexts, memories + s * H, H);
            const Number mean = dot(weights, d_weights.data(), lengths[b]);
            for (Int s = 0; s < lengths[b]; ++s) {
                const Number d_score = weights[s] * (d_weights[std::size_t(s)] - mean);
                add_multiple(d_queries, d_score, keys + s * H, H);
                add_multiple(d_keys + s * H, d_score, queries, H);
                add_multiple(d_memories + s * H, weights[s], d_contexts, H);
            }
        }
}

}  // namespace elman
