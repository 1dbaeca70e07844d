// Sorted vectors as small sets.
#pragma once

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

namespace cache {

/// Adds `sorted` to the sorted `into`. Constant time per element at its end, else one pass.
template <class T>
void merge_into(std::vector<T>* into, std::span<const T> sorted) {
  if (sorted.empty()) return;
  if (into->empty() || into->back() < sorted.front()) {
    into->insert(into->end(), sorted.begin(), sorted.end());
    return;
  }
  if (sorted.size() <= 16) {  // each a move of memory, without an allocation
    for (const T& value : sorted) {
      const auto at = std::ranges::lower_bound(*into, value);
      if (at == into->end() || *at != value) into->insert(at, value);
    }
    return;
  }
  std::vector<T> merged;
  merged.reserve(into->size() + sorted.size());
  std::ranges::set_union(*into, sorted, std::back_inserter(merged));
  *into = std::move(merged);
}

/// Removes `sorted` from the sorted `from`, in one pass.
template <class T>
void remove_from(std::vector<T>* from, std::span<const T> sorted) {
  if (sorted.empty() || from->empty()) return;
  if (sorted.size() <= 16) {
    for (const T& value : sorted) {
      const auto at = std::ranges::lower_bound(*from, value);
      if (at != from->end() && *at == value) from->erase(at);
    }
    return;
  }
  std::vector<T> left;
  std::ranges::set_difference(*from, sorted, std::back_inserter(left));
  *from = std::move(left);
}

}  // namespace cache
