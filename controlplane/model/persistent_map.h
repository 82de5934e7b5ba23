// controlplane/model/persistent_map.h
//
// PersistentMap: an ordered map whose copies share what they have in common.
//
// A copy costs one pointer.  A change copies the nodes between the root and the
// entry (an AVL tree: at most 1.44 log2 n), and those only if another map
// shares them, so a map that nobody else holds is changed in place.  Two maps
// of which one was made from the other by a few changes differ in few nodes,
// and ForEachDifference() visits only these.
//
//   PersistentMap<std::string, int> next = current;   // O(1)
//   next.Insert("web", 7);                            // O(log n)
//   PersistentMap<std::string, int>::ForEachDifference(
//       current, next,
//       [](const std::string& key, const int* before, const int* after) {...});
//
// A value.  Thread-compatible; maps that share nodes may be used, changed and
// destroyed by different threads.

#ifndef VSWITCH_CONTROLPLANE_MODEL_PERSISTENT_MAP_H_
#define VSWITCH_CONTROLPLANE_MODEL_PERSISTENT_MAP_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace vswitch {

template <typename Key, typename Value, typename Less = std::less<Key>>
class PersistentMap {
 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

 public:
  using value_type = std::pair<Key, Value>;

  // In order of the keys; valid until the map is changed or destroyed.
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = PersistentMap::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;
    reference operator*() const { return path_[depth_ - 1]->entry; }
    pointer operator->() const { return &path_[depth_ - 1]->entry; }
    const_iterator& operator++() {
      const Node* right = path_[--depth_]->right.get();
      PushLeftSpine(right);
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const const_iterator& a, const const_iterator& b) {
      return a.Top() == b.Top();
    }

   private:
    friend class PersistentMap;
    const Node* Top() const {
      return depth_ == 0 ? nullptr : path_[depth_ - 1];
    }
    void Push(const Node* node) { path_[depth_++] = node; }
    void PushLeftSpine(const Node* node) {
      for (; node != nullptr; node = node->left.get()) Push(node);
    }

    // The entry itself on top of those ancestors that follow it.
    std::array<const Node*, 64> path_;
    uint32_t depth_ = 0;
  };
  using iterator = const_iterator;

  PersistentMap() = default;

  // Builds a balanced map in O(n).  REQUIRES: sorted, each key once.
  static PersistentMap FromSorted(std::vector<value_type> entries) {
    PersistentMap map;
    map.size_ = entries.size();
    map.root_ = Build(entries, 0, entries.size());
    return map;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Returns nullptr if there is none; valid until the map is changed.
  const Value* Find(const Key& key) const {
    const Node* node = root_.get();
    while (node != nullptr) {
      if (Less()(key, node->entry.first)) {
        node = node->left.get();
      } else if (Less()(node->entry.first, key)) {
        node = node->right.get();
      } else {
        return &node->entry.second;
      }
    }
    return nullptr;
  }
  bool contains(const Key& key) const { return Find(key) != nullptr; }

  const_iterator begin() const {
    const_iterator it;
    it.PushLeftSpine(root_.get());
    return it;
  }
  const_iterator end() const { return const_iterator(); }
  // Returns the first entry whose key is not less than `key`.
  const_iterator lower_bound(const Key& key) const {
    const_iterator it;
    const Node* node = root_.get();
    while (node != nullptr) {
      if (Less()(node->entry.first, key)) {
        node = node->right.get();
      } else {
        it.Push(node);
        node = node->left.get();
      }
    }
    return it;
  }

  // Returns the last entry whose key is less than `key`, or nullptr.
  const value_type* FindLastBefore(const Key& key) const {
    const value_type* last = nullptr;
    const Node* node = root_.get();
    while (node != nullptr) {
      if (Less()(node->entry.first, key)) {
        last = &node->entry;
        node = node->right.get();
      } else {
        node = node->left.get();
      }
    }
    return last;
  }

  // Adds the entry or replaces the value of its key.
  void Insert(Key key, Value value) {
    size_ += InsertInto(root_, key, value) ? 1 : 0;
  }
  // Returns whether there was such an entry.
  bool Erase(const Key& key) {
    if (!contains(key)) return false;  // else nodes would be copied for nothing
    EraseFrom(root_, key);
    --size_;
    return true;
  }

  // Calls `visit(key, const Value* before, const Value* after)` in order of the
  // keys for every key with different values; nullptr: it is not there.
  // O(changes * log n) when one map was made from the other.
  template <typename Visitor>
  static void ForEachDifference(const PersistentMap& before,
                                const PersistentMap& after, Visitor visit) {
    Walk(before, after,
         [&visit](const Key& key, const Value* old, const Value* value) {
           visit(key, old, value);
           return true;
         });
  }

  friend bool operator==(const PersistentMap& a, const PersistentMap& b) {
    return a.size_ == b.size_ &&
           Walk(a, b,
                [](const Key&, const Value*, const Value*) { return false; });
  }

 private:
  struct Node {
    value_type entry;
    NodePtr left;
    NodePtr right;
    int8_t height = 1;
  };

  // What is left of a map in Walk(): whole subtrees, and entries whose left
  // subtree is behind us.
  struct Pending {
    const Node* node;
    bool whole;
  };
  class Cursor {
   public:
    explicit Cursor(const Node* root) { Push({root, true}); }
    bool done() const { return items_.empty(); }
    const Pending& top() const { return items_.back(); }
    int height() const { return top().whole ? top().node->height : 0; }
    void Pop() { items_.pop_back(); }
    void Expand() {
      const Node* node = top().node;
      Pop();
      Push({node->right.get(), true});
      Push({node, false});
      Push({node->left.get(), true});
    }

   private:
    void Push(const Pending& item) {
      if (item.node != nullptr) items_.push_back(item);
    }
    std::vector<Pending> items_;
  };

  // Calls `visit` for differences until it returns false; returns whether it
  // never did.  The higher subtree is opened first, so a subtree that both have
  // is met whole on both sides, and skipped.
  template <typename Visitor>
  static bool Walk(const PersistentMap& before, const PersistentMap& after,
                   Visitor visit) {
    Cursor a(before.root_.get());
    Cursor b(after.root_.get());
    while (!a.done() || !b.done()) {
      if (!a.done() && !b.done() && a.top().node == b.top().node &&
          a.top().whole == b.top().whole) {
        a.Pop();
        b.Pop();
      } else if (!a.done() && a.top().whole &&
                 (b.done() || a.height() >= b.height())) {
        a.Expand();
      } else if (!b.done() && b.top().whole) {
        b.Expand();
      } else if (!VisitFirst(a, b, visit)) {
        return false;
      }
    }
    return true;
  }

  // REQUIRES: the tops, where there are any, are entries; one is there.
  template <typename Visitor>
  static bool VisitFirst(Cursor& a, Cursor& b, Visitor& visit) {
    const value_type* old = a.done() ? nullptr : &a.top().node->entry;
    const value_type* value = b.done() ? nullptr : &b.top().node->entry;
    if (old != nullptr && value != nullptr) {
      if (Less()(old->first, value->first)) {
        value = nullptr;
      } else if (Less()(value->first, old->first)) {
        old = nullptr;
      }
    }
    if (old != nullptr) a.Pop();
    if (value != nullptr) b.Pop();
    if (old != nullptr && value != nullptr && old->second == value->second) {
      return true;
    }
    return visit(old != nullptr ? old->first : value->first,
                 old == nullptr ? nullptr : &old->second,
                 value == nullptr ? nullptr : &value->second);
  }

  static NodePtr Build(std::vector<value_type>& entries, size_t first,
                       size_t last) {
    if (first == last) return nullptr;
    size_t middle = first + (last - first) / 2;
    auto node = std::make_shared<Node>(Node{std::move(entries[middle]),
                                            Build(entries, first, middle),
                                            Build(entries, middle + 1, last)});
    SetHeight(*node);
    return node;
  }

  // Returns the node as one that no other map sees, a copy if need be.
  static Node& Own(NodePtr& node) {
    if (node.use_count() != 1) {
      node = std::make_shared<Node>(*node);
      return *node;
    }
    // The count is read relaxed.  Taking a use and giving it back are acquiring
    // operations: what another thread read here before it let go of the node
    // comes before our writes.
    NodePtr(node).reset();
    return *node;
  }

  static int HeightOf(const NodePtr& node) {
    return node == nullptr ? 0 : node->height;
  }
  static void SetHeight(Node& node) {
    node.height = static_cast<int8_t>(
        1 + std::max(HeightOf(node.left), HeightOf(node.right)));
  }

  // REQUIRES: `node` and its left child are owned.
  static void RotateRight(NodePtr& node) {
    NodePtr pivot = std::move(node->left);
    node->left = std::move(pivot->right);
    SetHeight(*node);
    pivot->right = std::move(node);
    SetHeight(*pivot);
    node = std::move(pivot);
  }
  static void RotateLeft(NodePtr& node) {
    NodePtr pivot = std::move(node->right);
    node->right = std::move(pivot->left);
    SetHeight(*node);
    pivot->left = std::move(node);
    SetHeight(*pivot);
    node = std::move(pivot);
  }

  // REQUIRES: `node` is owned; its subtrees' heights differ by at most 2.
  static void Rebalance(NodePtr& node) {
    int balance = HeightOf(node->left) - HeightOf(node->right);
    if (balance > 1) {
      Node& left = Own(node->left);
      if (HeightOf(left.left) < HeightOf(left.right)) {
        Own(left.right);
        RotateLeft(node->left);
      }
      RotateRight(node);
    } else if (balance < -1) {
      Node& right = Own(node->right);
      if (HeightOf(right.right) < HeightOf(right.left)) {
        Own(right.left);
        RotateRight(node->right);
      }
      RotateLeft(node);
    } else {
      SetHeight(*node);
    }
  }

  // Moves from `key` and `value`.  Returns whether the entry is an additional
  // one.
  static bool InsertInto(NodePtr& node, Key& key, Value& value) {
    if (node == nullptr) {
      node = std::make_shared<Node>(
          Node{value_type(std::move(key), std::move(value)), nullptr, nullptr});
      return true;
    }
    Node& own = Own(node);
    bool added = false;
    if (Less()(key, own.entry.first)) {
      added = InsertInto(own.left, key, value);
    } else if (Less()(own.entry.first, key)) {
      added = InsertInto(own.right, key, value);
    } else {
      own.entry.second = std::move(value);
    }
    if (added) Rebalance(node);
    return added;
  }

  // REQUIRES: the key is there.
  static void EraseFrom(NodePtr& node, const Key& key) {
    Node& own = Own(node);
    if (Less()(key, own.entry.first)) {
      EraseFrom(own.left, key);
    } else if (Less()(own.entry.first, key)) {
      EraseFrom(own.right, key);
    } else if (own.left == nullptr || own.right == nullptr) {
      NodePtr child = std::move(own.left == nullptr ? own.right : own.left);
      node = std::move(child);
      return;
    } else {
      own.entry = TakeFirst(own.right);
    }
    Rebalance(node);
  }

  // REQUIRES: `node` is not null.
  static value_type TakeFirst(NodePtr& node) {
    Node& own = Own(node);
    if (own.left == nullptr) {
      value_type entry = std::move(own.entry);
      NodePtr right = std::move(own.right);
      node = std::move(right);
      return entry;
    }
    value_type entry = TakeFirst(own.left);
    Rebalance(node);
    return entry;
  }

  NodePtr root_;
  size_t size_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_MODEL_PERSISTENT_MAP_H_
