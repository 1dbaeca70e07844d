#include "net/timer.h"

#include <utility>

#include "net/loop.h"

namespace net {

Timer::Timer(Loop* loop, Work on_fire) : loop_(loop), on_fire_(std::move(on_fire)) {}

void TimerHeap::clear() {
  std::vector<std::unique_ptr<Timer>> dropped;  // their work may own timers that are here too
  for (Timer* timer : heap_) {
    timer->index_ = Timer::kIdle;
    if (timer->owns_itself_) dropped.emplace_back(timer);
  }
  heap_.clear();
}

void TimerHeap::add(Timer* timer, Executor::Clock::time_point when) {
  remove(timer);
  timer->when_ = when;
  heap_.push_back(timer);
  sift_up(heap_.size() - 1, timer);
}

void TimerHeap::remove(Timer* timer) {
  if (timer->index_ == Timer::kIdle) return;
  const std::size_t hole = std::exchange(timer->index_, Timer::kIdle);
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == timer) return;
  // The last one takes the hole, and may belong above or below it.
  sift_up(hole, last);
  if (last->index_ == hole) sift_down(hole, last);
}

bool TimerHeap::fire_one(Executor::Clock::time_point now) {
  if (heap_.empty() || heap_.front()->when_ > now) return false;
  Timer* timer = heap_.front();
  remove(timer);
  if (timer->owns_itself_) {
    Work work = std::move(timer->on_fire_);
    delete timer;
    work();
  } else {
    timer->on_fire_();
  }
  return true;
}

void TimerHeap::place(std::size_t index, Timer* timer) {
  heap_[index] = timer;
  timer->index_ = index;
}

void TimerHeap::sift_up(std::size_t index, Timer* timer) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent]->when_ <= timer->when_) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, timer);
}

void TimerHeap::sift_down(std::size_t index, Timer* timer) {
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->when_ < heap_[child]->when_) ++child;
    if (timer->when_ <= heap_[child]->when_) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, timer);
}

}  // namespace net
