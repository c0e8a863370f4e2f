// One layer in one direction: a thread's rows, or a team's, through the whole sequence, forwards and backwards, and the
// gradient of the weights afterwards. The equations and the rules for lengths and resets are those of cells/unroll.py.
#pragma once

#include "cells.hpp"
#include "crosswise.hpp"
#include "panels.hpp"
#include "product.hpp"

namespace elman::ELMAN_ISA {

constexpr Index kLine = 64;         // bytes of a cache line
constexpr Index kChunk = 128;       // places whose input products are computed at a time
constexpr Index kShallow = 8;       // places whose outer products take no more time than writing their sum
constexpr Index kDepth = 256;       // k of a product that are walked at a time: a panel of them stays in the second cache

// A thread's working memory, handed out in pieces.
struct Scratch {
    char* next;

    template <class T>
    T* take(Index count) {
        T* piece = reinterpret_cast<T*>(next);
        next += (count * Index(sizeof(T)) + 63) / 64 * 64;
        return piece;
    }
};

// So many numbers, copied: a few of them in less time than a call of memcpy takes.
template <class T>
ELMAN_INLINE void copy(const T* from, T* to, Index count) {
    for (Index n = 0; n < count; n += kLanes<T>)
        store_first(to + n, load_first(from + n, int(count - n)), int(count - n));
}

inline Index smaller(Index a, Index b) { return a < b ? a : b; }
inline Index larger(Index a, Index b) { return a > b ? a : b; }

// How many places a chunk of `rows` rows may have: whole steps, at least one.
inline Index chunk_steps(Index rows) { return rows >= kChunk ? 1 : kChunk / larger(rows, 1); }
inline Index chunk_places(const Steps& steps, Index rows) { return larger(1, smaller(chunk_steps(rows), steps.T) * rows); }

template <class T>
Index scratch_bytes(const Kind& kind, const Steps& steps) {
    const Panels<T> panels(kind);
    const Index places = larger(1, larger(steps.B, smaller(kChunk, steps.T * steps.B)));
    const Index widest = larger(Columns<T>{kind.I}.width(), panels.layout.width());
    const Index pointers = 4 * places * Index(sizeof(void*));
    const Index gates = places * panels.layout.panels * panels.layout.row() * Index(sizeof(T));
    const Index runs = 2 * (kind.gates() * panels.layout.blocks + 1) * Index(sizeof(Run));
    const Index block = kDepth * widest * Index(sizeof(T));
    const Index d_x = places * widest * Index(sizeof(T));
    return pointers + gates + runs + block + d_x + 4096;
}

// The zeroed state that a document begins with.
inline bool starts_document(const Kind& kind, const Steps& steps, Index t, Index j) {
    if (!steps.reset) return false;
    if (kind.reverse) ++t;  // the step read before this one
    return t < steps.length[j] && steps.reset[steps.offset[t] + j];
}

inline bool ends_zeroed(const Kind& kind, const Steps& steps, Index j) {
    return kind.reverse && steps.reset && steps.length[j] > 0 && steps.reset[steps.offset[0] + j];
}

inline Index alive(const Steps& steps, Index t, Index begin, Index end) {
    return larger(0, smaller(steps.active[t], end) - begin);
}

// The first state of a row.
template <class T>
const T* given_or_zeros(const Forward<T>& f, const T* given, Index row) {
    return given ? given + row * f.kind.H : f.zeros;
}

// The h that U multiplies at (t, j).
template <class T>
ELMAN_INLINE const T* h_before(const Forward<T>& f, const Steps& steps, Index t, Index j) {
    if (starts_document(f.kind, steps, t, j)) return f.zeros;
    const bool first = f.kind.reverse ? t + 1 == steps.length[j] : t == 0;
    if (first) return given_or_zeros(f, f.h_first, steps.row[j]);
    return f.y.at(f.kind.reverse ? t + 1 : t - 1, j);
}

template <class T, template <class> class CellOf>
struct LayerOf {
    using C = CellOf<T>;
    static constexpr Index L = kLanes<T>;
    static constexpr Index kBlocks = C::many_blocks ? Layout::kBlocks : 1;  // of units, in a panel that is full

    static int blocks_of(const Panels<T>& panels, Index p) { return C::many_blocks ? panels.vectors(p) : 1; }

    // A range of panels, or of columns: a member's share.
    struct Range {
        Index begin, end;
    };

    // states (B, width) of rows j <- those given (B, H) by the caller's row, or zeros
    static void start(T* state, const T* given, const Steps& steps, Index begin, Index end, Index H, Index width) {
        std::memset(state + begin * width, 0, sizeof(T) * (end - begin) * width);
        for (Index j = begin; j < end && given; ++j) copy(given + steps.row[j] * H, state + j * width, H);
    }

    // Forwards

    static void forward(const Forward<T>& f, const Steps& steps, Index begin, Index end, const Team& team, void* memory) {
        const Kind& kind = f.kind;
        const Panels<T> panels(kind);
        const Index width = panels.layout.width(), row = panels.layout.row(), H = kind.H;
        const Range mine{team.begin(panels.layout.panels), team.end(panels.layout.panels)};
        if (C::has_c) {
            if (team.member == 0) start(f.c, f.c_first, steps, begin, end, H, width);
            team.meet();
        }
        const Index span = chunk_steps(end - begin), places = chunk_places(steps, end - begin);
        Scratch scratch{static_cast<char*>(memory)};
        const T** x = scratch.take<const T*>(places);
        Index* ids = scratch.take<Index>(places);
        T** gates = scratch.take<T*>(places);
        const T** h = scratch.take<const T*>(end - begin);
        T* kept = f.gates ? f.gates : scratch.take<T>(places * panels.layout.panels * row);
        const Index stride = (f.gates ? steps.offset[steps.T] : places) * row;  // from a panel to the next

        for (Index s0 = 0; s0 < steps.T; s0 += span) {
            const Index s1 = smaller(s0 + span, steps.T);
            Index count = 0;
            for (Index s = s0; s < s1; ++s) {
                const Index t = kind.reverse ? steps.T - 1 - s : s;
                for (Index j = begin, n = alive(steps, t, begin, end); j < begin + n; ++j, ++count) {
                    if (f.packed.table)
                        ids[count] = *f.ids.at(t, j);
                    else
                        x[count] = f.x.at(t, j);
                    gates[count] = kept + (f.gates ? steps.offset[t] + j : count) * row;
                }
            }
            if (f.packed.table)
                gather(f, panels, mine, ids, gates, count, stride);
            else
                input_products(f, panels, mine, x, gates, count, stride);
            T** step_gates = gates;
            for (Index s = s0; s < s1; ++s) {
                const Index t = kind.reverse ? steps.T - 1 - s : s;
                const Index n = alive(steps, t, begin, end);
                for (Index j = 0; j < n; ++j) {
                    h[j] = h_before(f, steps, t, begin + j);
                    if (C::has_c && starts_document(kind, steps, t, begin + j))
                        std::memset(f.c + (begin + j) * width + mine.begin * L, 0, sizeof(T) * (mine.end - mine.begin) * L);
                }
                step(f, steps, panels, mine, t, begin, n, h, step_gates, stride);
                step_gates += n;
                team.meet();
            }
        }
        if (team.member == 0) finish(f, steps, begin, end, width);
    }

    // a = W x + b of all places in the chunk, one big product
    static void input_products(const Forward<T>& f, const Panels<T>& panels, Range mine, const T* const* x,
                               T* const* gates, Index count, Index stride) {
        for (Index p = mine.begin; p < mine.end; ++p) {
            const T* bias = f.packed.bias + p * panels.layout.row();
            if (f.packed.W && few_units(f.kind))
                crosswise_product(count, x, f.kind.I, f.packed.W, panels.vectors(p), f.kind.H, gates, p * stride, bias);
            else
                add_product(panels, false, f.packed.W, f.packed.loose_W, f.kind.I, p, count, x, gates, p * stride, bias);
            if (f.kind.cell == Cell::gru)
                for (Index i = 0; i < count; ++i) store(gates[i] + p * stride + 3 * L, load(bias + 3 * L));
        }
    }

    // gates[i] + at, panel p of them, += the product of a[i] and W or U, or = first + the product
    static void add_product(const Panels<T>& panels, bool state, const T* packed, const T* loose, Index columns, Index p,
                            Index count, const T* const* a, T* const* gates, Index at, const T* first) {
        const int vectors = panels.vectors(p);
        if (loose) {
            for (int v = 0; v < vectors; ++v) {
                const Segment s = panels.segment(p, v, state);
                loose_product(count, a, loose + s.row(panels.kind, L) * columns, columns, s.valid, gates, at + v * L,
                              first ? first + v * L : nullptr);
            }
            return;
        }
        const T* weights = packed + panels.forward_offset(p, columns);
        for (Index k = 0; k < columns || first; k += kDepth, first = nullptr) {
            const Run run{k, smaller(kDepth, columns - k), k};
            rows_product(count, a, &run, 1, weights, vectors * L, vectors, gates, at, first);
        }
    }

    // the same where x is one of the table's rows: its product is there already
    static void gather(const Forward<T>& f, const Panels<T>& panels, Range mine, const Index* ids, T* const* gates,
                       Index count, Index stride) {
        const Index row = panels.layout.row();
        for (Index p = mine.begin; p < mine.end; ++p) {
            const T* table = f.packed.table + p * f.packed.table_rows * row;
            for (Index i = 0; i < count; ++i)
                for (int v = 0; v < panels.layout.slots; ++v)
                    store(gates[i] + p * stride + v * L, load(table + ids[i] * row + v * L));
        }
    }

    // u = U h, and the cell, at step t of n rows
    static void step(const Forward<T>& f, const Steps& steps, const Panels<T>& panels, Range mine, Index t, Index begin,
                     Index n, const T* const* h, T* const* gates, Index stride) {
        if (f.packed.U && few_units(f.kind)) {
            if (mine.begin < mine.end) Crosswise<T, C>::step(f, steps, panels, t, begin, n, h, gates);
            return;
        }
        const Index slot = panels.first_slot(true) * L;
        for (Index p = mine.begin; p < mine.end; ++p) {
            add_product(panels, true, f.packed.U, f.packed.loose_U, f.kind.H, p, n, h, gates, p * stride + slot,
                        static_cast<const T*>(nullptr));
            for (Index j = 0; j < n; ++j) {
                T* y = f.y.at(t, begin + j);
                T* slots = gates[j] + p * stride;
                T* memory = f.memory ? f.memory + (p * steps.offset[steps.T] + steps.offset[t] + begin + j) * 2 * L
                                     : nullptr;
                for (int v = 0; v < blocks_of(panels, p); ++v) {
                    const Index block = p * kBlocks + v;
                    const int valid = int(panels.valid(block));
                    Vector<T> h_prev{};
                    if (C::state == StateRead::before) h_prev = load_first(h[j] + block * L, valid);
                    T* c = C::has_c ? f.c + (begin + j) * panels.layout.width() + block * L : nullptr;
                    store_first(y + block * L, C::step(slots + v * L, h_prev, c, memory), valid);
                }
            }
        }
    }

    // the last state of every row, as the caller has it
    static void finish(const Forward<T>& f, const Steps& steps, Index begin, Index end, Index width) {
        const Index H = f.kind.H;
        for (Index j = begin; j < end; ++j) {
            const Index row = steps.row[j], length = steps.length[j];
            const T* h = length == 0 ? given_or_zeros(f, f.h_first, row) : f.y.at(f.kind.reverse ? 0 : length - 1, j);
            const T* c = C::has_c ? f.c + j * width : nullptr;
            if (ends_zeroed(f.kind, steps, j)) h = c = f.zeros;
            copy(h, f.h_last + row * H, H);
            if (C::has_c) copy(c, f.c_last + row * H, H);
        }
    }

    // Backwards

    static void backward(const Backward<T>& b, const Steps& steps, Index begin, Index end, const Team& team, void* memory) {
        const Forward<T>& f = b.forward;
        const Kind& kind = f.kind;
        const Panels<T> panels(kind);
        const Index width = panels.layout.width(), row = panels.layout.row(), H = kind.H;
        const Index stride = steps.offset[steps.T] * row;
        const Range mine{team.begin(panels.layout.panels), team.end(panels.layout.panels)};
        if (team.member == 0) {
            start(b.d_h, b.d_h_last, steps, begin, end, H, width);
            if (C::has_c) start(b.d_c, b.d_c_last, steps, begin, end, H, width);
            for (Index j = begin; j < end && kind.reverse && steps.reset; ++j) {
                if (!ends_zeroed(kind, steps, j)) continue;
                std::memset(b.d_h + j * width, 0, sizeof(T) * width);
                if (C::has_c) std::memset(b.d_c + j * width, 0, sizeof(T) * width);
            }
        }
        team.meet();
        Scratch scratch{static_cast<char*>(memory)};
        const Index span = chunk_steps(end - begin), places = chunk_places(steps, end - begin);
        const T** d_gates = scratch.take<const T*>(places);
        T** d_h = scratch.take<T*>(end - begin);
        for (Index j = begin; j < end; ++j) d_h[j - begin] = b.d_h + j * width;
        const Products back_h(panels, true, stride, H, f.packed.U_back, f.packed.loose_U, scratch);
        const Products back_x(panels, false, stride, kind.I, f.packed.W_back, f.packed.loose_W, scratch);
        T** d_x = scratch.take<T*>(places);
        T* d_x_rows = scratch.take<T>(places * Columns<T>{kind.I}.width());
        const Range h_panels = back_h.share(team), x_panels = back_x.share(team);
        const Index x_begin = back_x.columns.first(x_panels.begin);
        const Index x_end = smaller(back_x.columns.first(x_panels.end), kind.I);

        Index count = 0;
        for (Index s0 = 0; s0 < steps.T; s0 += span, count = 0) {
            const Index s1 = smaller(s0 + span, steps.T);
            for (Index s = s0; s < s1; ++s) {
                const Index t = kind.reverse ? s : steps.T - 1 - s;
                const Index n = alive(steps, t, begin, end);
                for (Index j = 0; j < n; ++j) d_gates[count + j] = b.d_gates + (steps.offset[t] + begin + j) * row;
                pointwise(b, steps, panels, mine, t, begin, n);
                team.meet();
                if (s + 1 < steps.T || b.d_h_first) back_h.add(h_panels, n, d_gates + count, d_h, false);
                team.meet();
                for (Index j = begin; j < begin + n && steps.reset; ++j) {
                    if (!starts_document(kind, steps, t, j)) continue;
                    const Index first = smaller(mine.begin * kBlocks * L, width);
                    const Index bytes = sizeof(T) * (smaller(mine.end * kBlocks * L, width) - first);
                    std::memset(b.d_h + j * width + first, 0, bytes);
                    if (C::has_c) std::memset(b.d_c + j * width + first, 0, bytes);
                }
                count += n;
            }
            if (!b.d_x.data || x_begin >= x_end) continue;
            const auto each = [&](auto of) {  // of(i, row): the rows of the chunk where d_x is wanted
                Index i = 0;
                for (Index s = s0; s < s1; ++s) {
                    const Index t = kind.reverse ? s : steps.T - 1 - s;
                    for (Index j = begin, n = alive(steps, t, begin, end); j < begin + n; ++j) of(i++, b.d_x.at(t, j));
                }
            };
            const Index I_width = Columns<T>{kind.I}.width();
            const bool in_place = !b.add_d_x && kind.I == I_width;
            each([&](Index i, T* wanted) { d_x[i] = in_place ? wanted : d_x_rows + i * I_width; });
            back_x.add(x_panels, count, d_gates, d_x, true);
            if (in_place) continue;
            each([&](Index i, T* wanted) { hand_over(d_x[i] + x_begin, wanted + x_begin, x_end - x_begin, b.add_d_x); });
        }
        team.meet();
        for (Index j = begin; j < end && team.member == 0; ++j) {
            if (b.d_h_first) copy(b.d_h + j * width, b.d_h_first + steps.row[j] * H, H);
            if (C::has_c && b.d_c_first) copy(b.d_c + j * width, b.d_c_first + steps.row[j] * H, H);
        }
    }

    static void hand_over(const T* from, T* to, Index count, bool add) {
        if (!add) return copy(from, to, count);
        for (Index i = 0; i < count; ++i) to[i] += from[i];
    }

    // The state that C::back reads at (t, j).
    static const T* state_of(const Forward<T>& f, const Steps& steps, Index t, Index j) {
        if (C::state == StateRead::after) return f.y.at(t, j);
        return h_before(f, steps, t, j);
    }

    // the derivatives by the products a and u at step t of n rows; d_h keeps the path around U
    static void pointwise(const Backward<T>& b, const Steps& steps, const Panels<T>& panels, Range mine, Index t,
                          Index begin, Index n) {
        const Forward<T>& f = b.forward;
        if (few_units(f.kind)) {
            const auto state = [&](Index j) { return state_of(f, steps, t, j); };
            if (mine.begin < mine.end) Crosswise<T, C>::back(b, steps, panels, t, begin, n, state);
            return;
        }
        const Index row = panels.layout.row(), width = panels.layout.width(), total = steps.offset[steps.T];
        for (Index p = mine.begin; p < mine.end; ++p)
            for (Index j = begin; j < begin + n; ++j) {
                const Index place = p * total + steps.offset[t] + j;
                if (f.gates && p + 1 < panels.layout.panels)  // the same row of the next panel is far away in the tape
                    for (Index i = 0; i < row; i += kLine / Index(sizeof(T)))
                        __builtin_prefetch(f.gates + (place + total) * row + i, 0, 2);
                const T* d_y = b.d_y.at(t, j);
                const T* state = C::state == StateRead::none ? nullptr : state_of(f, steps, t, j);
                const T* gates = f.gates ? f.gates + place * row : nullptr;
                const T* memory = C::has_c ? f.memory + place * 2 * L : nullptr;
                for (int v = 0; v < blocks_of(panels, p); ++v) {
                    const Index block = p * kBlocks + v;
                    const int valid = int(panels.valid(block));
                    T* d_h = b.d_h + j * width + block * L;
                    T* d_c = C::has_c ? b.d_c + j * width + block * L : nullptr;
                    Derivative<T> d;
                    d.d_h = load(d_h) + load_first(d_y + block * L, valid);
                    if (C::has_c) d.d_c = load(d_c);
                    Vector<T> h{};
                    if (state) h = load_first(state + block * L, valid);
                    C::back(gates, memory, h, b.d_gates + place * row + v * L, d);
                    store(d_h, d.d_h);
                    if (C::has_c) store(d_c, d.d_c);
                }
            }
    }

    // d += d_gates times weights (G * H, columns), or = if `fresh`: the way back through U to h, or through W to x
    struct Products {
        Columns<T> columns;
        Run* runs;
        Index num_runs = 0, rows;
        const T *packed, *loose;

        Products(const Panels<T>& panels, bool state, Index stride, Index num_columns, const T* of_packed,
                 const T* of_loose, Scratch& scratch)
            : columns{num_columns}, rows(panels.kind.gates() * panels.kind.H), packed(of_packed), loose(of_loose) {
            runs = scratch.take<Run>(panels.kind.gates() * panels.layout.blocks);
            Index count = 0;
            panels.segments(state, [&](const Segment& s) {
                const Run run{s.panel * stride + s.slot * L, s.valid, loose ? s.row(panels.kind, L) : count};
                Run* last = runs + num_runs - 1;
                count += s.valid;
                if (num_runs && last->offset + last->length == run.offset && last->first + last->length == run.first)
                    last->length += run.length;
                else
                    runs[num_runs++] = run;
            });
        }

        Range share(const Team& team) const { return {team.begin(columns.panels()), team.end(columns.panels())}; }
        Range all() const { return {0, columns.panels()}; }

        void add(Range mine, Index count, const T* const* d_gates, T* const* d, bool fresh) const {
            if (loose) {
                for (Index i = 0; i < count && fresh; ++i) std::memset(d[i], 0, sizeof(T) * columns.width());
                return loose_rows_product(count, d_gates, runs, num_runs, loose, columns.columns, d);
            }
            alignas(64) static constexpr T zeros[kMaxVectors * L]{};
            for (Index i = 0; i < num_runs;) {
                Index depth = 0, next = i;
                while (next < num_runs && (next == i || depth + runs[next].length <= kDepth + kDepth / 4))
                    depth += runs[next++].length;
                for (Index q = mine.begin; q < mine.end; ++q) {
                    const int vectors = columns.vectors(q);
                    const Index first = columns.first(q);
                    rows_product(count, d_gates, runs + i, next - i, packed + first * rows, vectors * L, vectors, d, first,
                                 fresh && i == 0 ? zeros : nullptr);
                }
                i = next;
            }
        }
    };

    // The gradient of the weights: sums over all places of outer products

    static void weights(const Backward<T>& b, const Steps& steps, Index begin, Index end, void* memory) {
        const Forward<T>& f = b.forward;
        const Kind& kind = f.kind;
        const Panels<T> panels(kind);
        const Index places = steps.offset[steps.T], row = panels.layout.row();
        Scratch scratch{static_cast<char*>(memory)};
        T* packed = scratch.take<T>(kDepth * larger(Columns<T>{kind.I}.width(), Columns<T>{kind.H}.width()));
        for (const bool state : {false, true}) {
            T* gradient = state ? b.d_U : b.d_W;
            const Columns<T> columns{state ? kind.H : kind.I};
            T* bias = state ? b.d_b_hh : b.d_b_ih;
            share(panels, state, begin, end, [&](const Segment& s) {
                if (bias && !b.add_weights) std::memset(bias + s.row(kind, L), 0, sizeof(T) * s.valid);
                if (!state && b.d_table) scatter(b, steps, panels, s);
                if (gradient && places == 0 && !b.add_weights)
                    std::memset(gradient + s.row(kind, L) * columns.columns, 0, sizeof(T) * s.valid * columns.columns);
            });
            if (!gradient && !bias) continue;
            Index t = 0;
            for (Index k = 0; k < places; k += kDepth) {
                const Index depth = smaller(kDepth, places - k);
                const auto d_gates = [&](const Segment& s) {
                    return b.d_gates + (s.panel * places + k) * row + s.slot * L;
                };
                if (bias)
                    share(panels, state, begin, end, [&](const Segment& s) {
                        add_up(d_gates(s), row, depth, bias + s.row(kind, L), int(s.valid));
                    });
                if (!gradient) continue;
                const T* rows = as_packed(f, steps, columns, state, k, depth, t, packed);
                const auto add = [&](const Segment& s, Index q) {
                    outer(columns, q, d_gates(s), row, depth, rows + columns.first(q) * depth, s.valid,
                          gradient + s.row(kind, L) * columns.columns, k == 0 && !b.add_weights);
                };
                if (depth <= kShallow) {  // what counts is to write the gradient as it lies
                    share(panels, state, begin, end, [&](const Segment& s) {
                        for (Index q = 0; q < columns.panels(); ++q) add(s, q);
                    });
                    continue;
                }
                for (Index q = 0; q < columns.panels(); ++q)
                    share(panels, state, begin, end, [&](const Segment& s) { add(s, q); });
            }
        }
    }

    template <class Each>
    static void share(const Panels<T>& panels, bool state, Index begin, Index end, Each each) {
        Index i = 0;
        panels.segments(state, [&](const Segment& s) {
            if (i >= begin && i < end) each(s);
            ++i;
        });
    }

    static void add_up(const T* d, Index stride, Index depth, T* sum, int valid) {
        constexpr Index kChains = 4;
        Vector<T> sums[kChains]{};
        Index i = 0;
        for (; i + kChains <= depth; i += kChains)
            for (Index c = 0; c < kChains; ++c) sums[c] += load(d + (i + c) * stride);
        for (; i < depth; ++i) sums[0] += load(d + i * stride);
        store_first(sum, load_first(sum, valid) + ((sums[0] + sums[1]) + (sums[2] + sums[3])), valid);
    }

    static void scatter(const Backward<T>& b, const Steps& steps, const Panels<T>& panels, const Segment& s) {
        const Forward<T>& f = b.forward;
        const Index places = steps.offset[steps.T], row = panels.layout.row(), columns = f.kind.gates() * f.kind.H;
        T* gradient = b.d_table + s.row(f.kind, L);
        for (Index i = 0; i < f.packed.table_rows; ++i) std::memset(gradient + i * columns, 0, sizeof(T) * s.valid);
        const T* d = b.d_gates + s.panel * places * row + s.slot * L;
        const int valid = int(s.valid);
        for (Index t = 0; t < steps.T; ++t)
            for (Index j = 0; j < steps.active[t]; ++j, d += row) {
                T* out = gradient + *f.ids.at(t, j) * columns;
                store_first(out, load_first(out, valid) + load(d), valid);
            }
    }

    // x, or the h before the step, of `depth` places from k on, as [panel of columns][place][vectors * lanes]: packed, or
    // where they are if they lie so already.
    static const T* as_packed(const Forward<T>& f, const Steps& steps, const Columns<T>& columns, bool state, Index k,
                              Index depth, Index& t, T* packed) {
        const T* first = nullptr;
        bool lie_so = columns.panels() == 1 && columns.columns == columns.width();
        for (Index i = 0; i < depth; ++i) {
            while (k + i >= steps.offset[t + 1]) ++t;
            const Index j = k + i - steps.offset[t];
            const T* row = state ? h_before(f, steps, t, j) : f.x.at(t, j);
            if (i == 0) first = row;
            if (lie_so && row == first + i * columns.columns) continue;
            if (lie_so) copy(first, packed, i * columns.columns);  // up to here they did
            lie_so = false;
            for (Index q = 0; q < columns.panels(); ++q) {
                const Index width = columns.vectors(q) * L, valid = columns.valid(q);
                T* out = packed + columns.first(q) * depth + i * width;
                const T* from = row + columns.first(q);
                Index n = 0;
                for (; n + L <= valid; n += L) store(out + n, load(from + n));
                if (n < width) store(out + n, load_first(from + n, int(valid - n)));
            }
        }
        return lie_so ? first : packed;
    }

    // gradient (rows, columns), panel q += the products of d (depth, rows) and packed (depth, vectors * lanes)
    static void outer(const Columns<T>& columns, Index q, const T* d, Index stride, Index depth, const T* packed,
                      Index rows, T* gradient, bool fresh) {
        const int vectors = columns.vectors(q);
        const Index width = vectors * L, valid = columns.valid(q);
        evenly(rows, most_rows(vectors), [&](Index r, Index size) {
            T* out = gradient + r * columns.columns + columns.first(q);
            const auto tile = Tiles<T>::columns[size - 1][vectors - 1];
            if (valid == width) return tile(d + r, stride, depth, packed, out, columns.columns, fresh);
            alignas(64) T padded[kMaxRows * kMaxVectors * L];
            for (Index i = 0; i < size && !fresh; ++i) {
                std::memset(padded + i * width, 0, sizeof(T) * width);
                std::memcpy(padded + i * width, out + i * columns.columns, sizeof(T) * valid);
            }
            tile(d + r, stride, depth, packed, padded, width, fresh);
            for (Index i = 0; i < size; ++i)
                std::memcpy(out + i * columns.columns, padded + i * width, sizeof(T) * valid);
        });
    }
};

}  // namespace elman::ELMAN_ISA
