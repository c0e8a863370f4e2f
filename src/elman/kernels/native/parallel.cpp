#include "parallel.hpp"

#include "openmp.hpp"
#include "spin_barrier.hpp"
#include "thread_pool.hpp"

namespace elman {

void parallel_for(Index count, const std::function<void(Index)>& work) {
    if (count > 1) {
        if (const OpenMP* runtime = borrowed_openmp()) return openmp_for(*runtime, count, work);
        if (thread_pool().run(count, work)) return;
    }
    for (Index i = 0; i < count; ++i) work(i);
}

void parallel_team(Index size, const std::function<void(const ThreadTeam&)>& work) {
    if (size > 1) {
        if (const OpenMP* runtime = borrowed_openmp()) return openmp_team(*runtime, size, work);
        SpinBarrier barrier(size);
        if (thread_pool().run(size, [&](Index thread) { work(barrier.team(thread, size)); })) return;
    }
    work(ThreadTeam());
}

}  // namespace elman
