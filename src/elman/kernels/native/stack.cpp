#include "stack.hpp"

#include <algorithm>
#include <numeric>

#include "dispatch.hpp"
#include "threads.hpp"

namespace elman {
namespace {

constexpr double kFlopsWorthAThread = 2e6;  // about twenty microseconds of it
constexpr Index kPlacesWorthReading = 4;    // whose products take as long as reading the weights
constexpr double kWorthMeeting = 1e5;       // numbers of U a step: some microseconds
constexpr double kTooManyToKeep = 1e6;      // numbers of U: 4 MB

Index worth(Index threads, double flops) {
    return std::max(Index(1), std::min(threads, Index(flops / kFlopsWorthAThread)));
}

double flops(const std::vector<Kind>& kinds, Index places) {
    double sum = 0;
    for (const Kind& kind : kinds) sum += 2.0 * double(kind.gates() * kind.H) * double(kind.H + kind.I);
    return sum * double(places);
}

// Whether threads had better share the units of every step than the rows: where there are fewer rows than threads, and
// where few rows would have every thread read weights that do not stay in its cache. A step has to be worth a meeting.
bool together(const std::vector<Kind>& kinds, Index threads, const Steps& steps) {
    if (threads < 2) return false;
    double most = 0;
    for (const Kind& kind : kinds) most = std::max(most, double(kind.gates() * kind.H * kind.H));
    return steps.B < threads ? most * double(steps.B) > kWorthMeeting : steps.B < 8 * threads && most > kTooManyToKeep;
}

// Cuts 0..count into equal shares, one a thread.
void shared(Index threads, Index count, const std::function<void(Index, Index)>& work) {
    const Index shares = std::max(Index(1), std::min(threads, count));
    in_parallel(shares, [&](Index i) { work(count * i / shares, count * (i + 1) / shares); });
}

// Pieces of one block of memory: asked for first, then handed out.
class Pieces {
public:
    template <class T>
    static Index size(Index count) {
        return (count * Index(sizeof(T)) + 63) / 64 * 64;
    }
    explicit Pieces(Memory& memory) : next_(memory.as<char>()) {}
    template <class T>
    T* take(Index count) {
        T* piece = reinterpret_cast<T*>(next_);
        next_ += size<T>(count);
        return piece;
    }

private:
    char* next_;
};

}  // namespace

// Weights

template <class T>
Weights<T>::Weights(std::vector<Kind> kinds, Index directions, const std::vector<Parameters<T>>& parameters,
                    Index table_rows, bool loose, Index threads)
    : kernels_(&elman::kernels<T>()), kinds_(std::move(kinds)), directions_(directions) {
    const Kernels<T>& k = *kernels_;
    const auto gathered = [&](std::size_t i) { return table_rows > 0 && Index(i) < directions_; };
    Index bytes = 0, weights = 0;
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        const Kind& kind = kinds_[i];
        const Layout layout = k.layout(kind);
        const Index inputs = gathered(i) ? layout.panels * layout.row() * table_rows : loose ? 0 : k.packed_size(kind, kind.I);
        const Index states = loose ? 0 : k.packed_size(kind, kind.H);
        bytes += Pieces::size<T>(inputs) + Pieces::size<T>(states) + Pieces::size<T>(layout.panels * layout.row());
        weights += inputs + states;
        widest_ = std::max(widest_, layout.width());
    }
    memory_ = Memory(std::size_t(bytes));
    Pieces pieces(memory_);
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        const Kind& kind = kinds_[i];
        const Layout layout = k.layout(kind);
        T* W = gathered(i) || loose ? nullptr : pieces.template take<T>(k.packed_size(kind, kind.I));
        T* U = loose ? nullptr : pieces.template take<T>(k.packed_size(kind, kind.H));
        T* bias = pieces.template take<T>(layout.panels * layout.row());
        T* table = gathered(i) ? pieces.template take<T>(layout.panels * layout.row() * table_rows) : nullptr;
        const T* loose_W = loose && !table ? parameters[i].W : nullptr;
        packed_.push_back({W, U, bias, nullptr, nullptr, table, table_rows, loose_W, loose ? parameters[i].U : nullptr});
    }
    threads = worth(threads, 20.0 * double(weights));
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        const Kind& kind = kinds_[i];
        const Parameters<T>& p = parameters[i];
        const Packed<T>& packed = packed_[i];
        if (!packed.table) k.pack_bias(kind, p.b_ih, p.b_hh, const_cast<T*>(packed.bias));
        shared(threads, k.layout(kind).panels, [&](Index begin, Index end) {
            if (packed.U) k.pack_forward(kind, true, p.U, kind.H, const_cast<T*>(packed.U), begin, end);
            if (packed.table)
                k.pack_table(kind, p.W, table_rows, p.b_hh, const_cast<T*>(packed.table), begin, end);
            else if (packed.W)
                k.pack_forward(kind, false, p.W, kind.I, const_cast<T*>(packed.W), begin, end);
        });
    }
}

template <class T>
Index Weights<T>::output_size(Index layer) const {
    Index size = 0;
    for (Index d = 0; d < directions_; ++d) size += kinds_[std::size_t(layer * directions_ + d)].H;
    return size;
}

// Batch

Batch::Batch(Index T, Index B, const Index* lengths, const std::uint8_t* reset, bool packed)
    : packed_(packed), active_(std::size_t(T)), offset_(std::size_t(T) + 1), length_(std::size_t(B), T),
      row_(std::size_t(B)) {
    std::iota(row_.begin(), row_.end(), Index(0));
    if (lengths) {
        std::stable_sort(row_.begin(), row_.end(), [&](Index a, Index b) { return lengths[a] > lengths[b]; });
        for (std::size_t j = 0; j < row_.size(); ++j) length_[j] = lengths[row_[j]];
    }
    Index alive = B, offset = 0;
    for (Index t = 0; t < T; ++t) {
        while (alive > 0 && length_[std::size_t(alive - 1)] <= t) --alive;
        active_[std::size_t(t)] = alive;
        offset_[std::size_t(t)] = offset;
        offset += alive;
    }
    offset_[std::size_t(T)] = offset;
    if (reset) {
        reset_.resize(std::size_t(offset));
        for (Index t = 0; t < T; ++t)
            for (Index j = 0; j < active_[std::size_t(t)]; ++j)
                reset_[std::size_t(offset_[std::size_t(t)] + j)] = reset[row_[std::size_t(j)] * T + t];
    }
    steps_ = Steps{T, B, active_.data(), offset_.data(), length_.data(), row_.data(), reset ? reset_.data() : nullptr};
}

template <class T>
Vectors<T> Batch::vectors(const Sequences<T>& sequences) {
    if (!sequences.data) return {nullptr, nullptr, nullptr};
    if (packed_) return by_place(sequences.data, sequences.row);
    std::vector<Index> time(active_.size()), row(row_.size());
    for (std::size_t t = 0; t < time.size(); ++t) time[t] = Index(t) * sequences.time;
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = row_[j] * sequences.row;
    addresses_.push_back(std::move(time));
    addresses_.push_back(std::move(row));
    return {sequences.data, addresses_[addresses_.size() - 2].data(), addresses_.back().data()};
}

template <class T>
Vectors<T> Batch::by_place(T* data, Index width) {
    std::vector<Index> time(offset_.begin(), offset_.end()), row(row_.size());
    for (Index& offset : time) offset *= width;
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = Index(j) * width;
    addresses_.push_back(std::move(time));
    addresses_.push_back(std::move(row));
    return {data, addresses_[addresses_.size() - 2].data(), addresses_.back().data()};
}

std::vector<Index> Batch::cut_rows(Index parts) const {
    std::vector<Index> cuts{0};
    const double total = double(offset_.back());
    double sum = 0;
    for (Index j = 0; j < steps_.B; ++j) {
        const double half = 0.5 * double(length_[std::size_t(j)]);
        sum += half;
        while (Index(cuts.size()) < parts && sum > total * double(cuts.size()) / double(parts)) cuts.push_back(j);
        sum += half;
    }
    while (Index(cuts.size()) <= parts) cuts.push_back(steps_.B);
    return cuts;
}

// Forward and backward

// Lays out the stack in tape.layers; returns how many bytes of scratch a thread needs. Places where x, y and the states
// lie are the caller's to fill in.
template <class T>
Index lay_out(const Weights<T>& weights, Tape<T>& tape, bool keep, const Vectors<const T>& x,
              const Vectors<const std::int64_t>& ids, const Vectors<T>& y) {
    const Kernels<T>& k = weights.kernels();
    tape.kernels = &k;
    tape.directions = weights.directions();
    Batch& batch = tape.batch;
    const Steps& steps = batch.steps();
    const Index places = batch.places(), D = weights.directions(), widest = weights.widest();
    Index own = Pieces::size<T>(widest), scratch = 0;  // zeros
    for (std::size_t i = 0; i < weights.kinds().size(); ++i) {
        const Kind& kind = weights.kinds()[i];
        const Layout layout = k.layout(kind);
        if (keep && kind.keeps_gates()) own += Pieces::size<T>(places * layout.panels * layout.row());
        if (keep && kind.cell == Cell::lstm) own += Pieces::size<T>(places * layout.panels * 2 * layout.lanes);
        own += Pieces::size<T>(steps.B * layout.width());
        if (Index(i) / D + 1 < weights.layers()) own += Pieces::size<T>(places * kind.H);
        scratch = std::max(scratch, k.scratch_bytes(kind, steps));
    }
    tape.memory.emplace_back(std::size_t(own));
    Pieces pieces(tape.memory.back());
    T* zeros = pieces.template take<T>(widest);
    std::fill(zeros, zeros + widest, T(0));

    Vectors<const T> inputs = x;
    for (Index layer = 0; layer < weights.layers(); ++layer) {
        const Index width = weights.output_size(layer);
        const bool top = layer + 1 == weights.layers();
        const Vectors<T> outputs = top ? y : batch.by_place(pieces.template take<T>(places * width), width);
        Index at = 0;
        for (Index d = 0; d < D; ++d) {
            const std::size_t i = std::size_t(layer * D + d);
            const Kind& kind = weights.kinds()[i];
            const Layout layout = k.layout(kind);
            Forward<T> f{};
            f.kind = kind;
            f.packed = weights.packed(i);
            f.x = inputs;
            f.ids = ids;
            f.y = outputs;
            f.y.data += at;
            f.gates = keep && kind.keeps_gates() ? pieces.template take<T>(places * layout.panels * layout.row()) : nullptr;
            f.memory = keep && kind.cell == Cell::lstm
                           ? pieces.template take<T>(places * layout.panels * 2 * layout.lanes)
                           : nullptr;
            f.c = pieces.template take<T>(steps.B * layout.width());
            f.zeros = zeros;
            tape.layers.push_back(f);
            at += kind.H;
        }
        inputs = {outputs.data, outputs.time, outputs.row};
    }
    return scratch;
}

template <class T>
void give_states(Tape<T>& tape, const std::vector<State<const T>>& first, const std::vector<State<T>>& last) {
    for (std::size_t i = 0; i < tape.layers.size(); ++i) {
        Forward<T>& f = tape.layers[i];
        f.h_first = first[i].h;
        f.c_first = first[i].c;
        f.h_last = last[i].h;
        f.c_last = last[i].c;
    }
}

template <class T>
void forward(const Weights<T>& weights, Tape<T>& tape, bool keep, const Sequences<const T>& x,
             const Sequences<const std::int64_t>& ids, const Sequences<T>& y, const std::vector<State<const T>>& first,
             const std::vector<State<T>>& last, Index threads) {
    const Kernels<T>& k = weights.kernels();
    Batch& batch = tape.batch;
    const Steps& steps = batch.steps();
    const Vectors<const T> inputs = batch.vectors(x);
    const Vectors<const std::int64_t> input_ids = batch.vectors(ids);
    const Index scratch = lay_out(weights, tape, keep, inputs, input_ids, batch.vectors(y));
    give_states(tape, first, last);
    threads = worth(threads, flops(weights.kinds(), std::max(batch.places(), kPlacesWorthReading)));
    if (together(weights.kinds(), threads, steps)) {
        Memory scratches(std::size_t(scratch * threads));
        in_team(threads, [&](const Team& team) {
            for (const Forward<T>& f : tape.layers)
                k.forward(f, steps, 0, steps.B, team, scratches.as<char>() + scratch * team.member);
        });
        return;
    }
    threads = std::min(threads, std::max(Index(1), steps.B));
    Memory scratches(std::size_t(scratch * threads));
    const std::vector<Index> cuts = batch.cut_rows(threads);
    in_parallel(threads, [&](Index i) {
        for (const Forward<T>& f : tape.layers)
            k.forward(f, steps, cuts[std::size_t(i)], cuts[std::size_t(i) + 1], Team{},
                      scratches.as<char>() + scratch * i);
    });
}

template <class T>
Stepper<T>::Stepper(const Weights<T>& weights, Index B)
    : kernels_(&weights.kernels()), tape_(Batch(1, B, nullptr, nullptr, false)), directions_(weights.directions()) {
    Batch& batch = tape_.batch;
    const bool gathered = weights.packed(0).table != nullptr;
    const Vectors<const T> x = batch.template by_place<const T>(nullptr, weights.kinds()[0].I);
    const Vectors<const std::int64_t> ids = batch.template by_place<const std::int64_t>(nullptr, 1);
    const Vectors<T> y = batch.template by_place<T>(nullptr, weights.output_size(weights.layers() - 1));
    const Index scratch = lay_out(weights, tape_, false, gathered ? Vectors<const T>{} : x, ids, y);
    scratch_ = Memory(std::size_t(scratch));
}

template <class T>
void Stepper<T>::step(const T* x, const std::int64_t* ids, T* y, const std::vector<State<const T>>& first,
                      const std::vector<State<T>>& last) {
    const Steps& steps = tape_.batch.steps();
    give_states(tape_, first, last);
    const Index count = Index(tape_.layers.size());
    Index at = 0;
    for (Index i = 0; i < count; ++i) {
        Forward<T>& f = tape_.layers[std::size_t(i)];
        if (i < directions_) f.x.data = x, f.ids.data = ids;
        if (i >= count - directions_) f.y.data = y + at, at += f.kind.H;
        kernels_->forward(f, steps, 0, steps.B, Team{}, scratch_.as<char>());
    }
}

template <class T>
void backward(Tape<T>& tape, bool keep, const std::vector<Parameters<T>>& parameters, const Sequences<const T>& d_y,
              const std::vector<State<const T>>& d_last, const Sequences<T>& d_x,
              const std::vector<State<T>>& d_first, const std::vector<ParameterGradients<T>>& gradients, Index threads) {
    const Kernels<T>& k = *tape.kernels;
    Batch& batch = tape.batch;
    const Steps& steps = batch.steps();
    const Index places = batch.places(), D = tape.directions, count = Index(tape.layers.size());
    std::vector<Kind> kinds;
    for (const Forward<T>& f : tape.layers) kinds.push_back(f.kind);
    threads = worth(threads, 2 * flops(kinds, places));
    const Index row_threads = std::min(threads, std::max(Index(1), steps.B));

    const auto wants_d_x = [&](Index i) { return i >= D || d_x.data != nullptr; };
    Index own = 0, scratch = 0;
    for (Index i = 0; i < count; ++i) {
        const Kind& kind = kinds[std::size_t(i)];
        const Layout layout = k.layout(kind);
        if (keep || !kind.keeps_gates()) own += Pieces::size<T>(places * layout.panels * layout.row());
        own += 2 * Pieces::size<T>(steps.B * layout.width()) + Pieces::size<T>(k.packed_back_size(kind, kind.H)) +
               Pieces::size<T>(places * kind.H * D);
        if (wants_d_x(i)) own += Pieces::size<T>(k.packed_back_size(kind, kind.I));
        scratch = std::max(scratch, k.scratch_bytes(kind, steps));
    }
    Memory memory(static_cast<std::size_t>(own)), scratches(std::size_t(scratch * threads));
    Pieces pieces(memory);

    std::vector<Backward<T>> layers(std::size_t(count), Backward<T>{});
    const std::size_t tables_of_forward = batch.tables();
    Vectors<const T> d_outputs = batch.vectors(d_y);
    for (Index layer = count / D - 1; layer >= 0; --layer) {
        const Kind& one = kinds[std::size_t(layer * D)];
        Vectors<T> d_inputs{nullptr, nullptr, nullptr};
        if (layer > 0)
            d_inputs = batch.by_place(pieces.template take<T>(places * one.I), one.I);
        else if (d_x.data)
            d_inputs = batch.vectors(d_x);
        Index at = 0;
        for (Index d = 0; d < D; ++d) {
            const Index i = layer * D + d;
            const Kind& kind = kinds[std::size_t(i)];
            const Layout layout = k.layout(kind);
            Backward<T>& b = layers[std::size_t(i)];
            b.forward = tape.layers[std::size_t(i)];
            b.d_y = d_outputs;
            b.d_y.data += at;
            b.d_x = d_inputs;
            b.add_d_x = d > 0;
            if (!d_last.empty()) b.d_h_last = d_last[std::size_t(i)].h, b.d_c_last = d_last[std::size_t(i)].c;
            b.d_h_first = d_first[std::size_t(i)].h;
            b.d_c_first = d_first[std::size_t(i)].c;
            const bool apart = keep || !b.forward.gates;
            b.d_gates = apart ? pieces.template take<T>(places * layout.panels * layout.row()) : b.forward.gates;
            b.d_h = pieces.template take<T>(steps.B * layout.width());
            b.d_c = pieces.template take<T>(steps.B * layout.width());
            const ParameterGradients<T>& g = gradients[std::size_t(i)];
            const bool gathered = b.forward.packed.table != nullptr;
            b.d_W = gathered ? nullptr : g.W;
            b.d_table = gathered ? g.W : nullptr;
            b.d_U = g.U;
            b.d_b_ih = g.b_ih;
            b.d_b_hh = g.b_hh;
            Packed<T>& packed = b.forward.packed;
            const Parameters<T>& p = parameters[std::size_t(i)];
            if (packed.loose_U) packed.loose_U = p.U;
            if (packed.loose_W) packed.loose_W = p.W;
            const auto pack_back = [&](bool state, const T* weight, Index columns) {
                T* into = pieces.template take<T>(k.packed_back_size(kind, columns));
                shared(worth(threads, 10.0 * double(kind.gates() * kind.H * columns)), k.back_panels(columns),
                       [&](Index begin, Index end) { k.pack_backward(kind, state, weight, columns, into, begin, end); });
                return into;
            };
            packed.U_back = packed.loose_U ? nullptr : pack_back(true, p.U, kind.H);
            packed.W_back = packed.loose_W || !b.d_x.data ? nullptr : pack_back(false, p.W, kind.I);
            at += kind.H;
        }
        d_outputs = {d_inputs.data, d_inputs.time, d_inputs.row};
    }

    const auto share = [&](Index begin, Index end, const Team& team, Index thread) {
        for (Index layer = count / D - 1; layer >= 0; --layer)
            for (Index d = 0; d < D; ++d)
                k.backward(layers[std::size_t(layer * D + d)], steps, begin, end, team,
                           scratches.as<char>() + scratch * thread);
    };
    if (together(kinds, threads, steps) && !tape.layers[0].packed.loose_U) {
        in_team(threads, [&](const Team& team) { share(0, steps.B, team, team.member); });
    } else {
        const std::vector<Index> cuts = batch.cut_rows(row_threads);
        in_parallel(row_threads,
                    [&](Index i) { share(cuts[std::size_t(i)], cuts[std::size_t(i) + 1], Team{}, i); });
    }
    in_parallel(threads, [&](Index i) {
        for (const Backward<T>& b : layers) {
            const Index all = k.segments(b.forward.kind);
            k.weights(b, steps, all * i / threads, all * (i + 1) / threads, scratches.as<char>() + scratch * i);
        }
    });
    batch.forget(tables_of_forward);
}

#define ELMAN_INSTANTIATE(T)                                                                                        \
    template class Weights<T>;                                                                                      \
    template class Stepper<T>;                                                                                      \
    template void forward<T>(const Weights<T>&, Tape<T>&, bool, const Sequences<const T>&,                          \
                             const Sequences<const std::int64_t>&, const Sequences<T>&,                             \
                             const std::vector<State<const T>>&, const std::vector<State<T>>&, Index);              \
    template void backward<T>(Tape<T>&, bool, const std::vector<Parameters<T>>&, const Sequences<const T>&,               \
                              const std::vector<State<const T>>&, const Sequences<T>&, const std::vector<State<T>>&, \
                              const std::vector<ParameterGradients<T>>&, Index);
ELMAN_INSTANTIATE(float)
ELMAN_INSTANTIATE(double)

}  // namespace elman
