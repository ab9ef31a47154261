interface Node<Item> {
  readonly item: Item;
  readonly key: number;
  readonly order: number;
  index: number;
}

/** Items by ascending key, equal keys in the order of insertion; any item can be deleted in O(log n). */
export class Heap<Item> {
  readonly #nodes: Node<Item>[] = [];
  readonly #byItem = new Map<Item, Node<Item>>();
  #pushed = 0;

  get size(): number {
    return this.#nodes.length;
  }

  push(item: Item, key: number): void {
    this.#pushed += 1;
    const node = { item, key, order: this.#pushed, index: this.#nodes.length };
    this.#nodes.push(node);
    this.#byItem.set(item, node);
    this.#rise(node);
  }

  /** The item with the smallest key, without removing it. */
  peek(): { readonly item: Item; readonly key: number } | undefined {
    return this.#nodes[0];
  }

  has(item: Item): boolean {
    return this.#byItem.has(item);
  }

  /** Deletes the item; false if it is not in the heap. */
  delete(item: Item): boolean {
    const node = this.#byItem.get(item);
    if (!node) return false;
    this.#byItem.delete(item);
    const last = this.#nodes.pop();
    if (last && last !== node) {
      this.#place(last, node.index);
      this.#rise(last);
      this.#sink(last);
    }
    return true;
  }

  clear(): void {
    this.#nodes.length = 0;
    this.#byItem.clear();
  }

  #place(node: Node<Item>, index: number): void {
    node.index = index;
    this.#nodes[index] = node;
  }

  #rise(node: Node<Item>): void {
    for (;;) {
      const parent = node.index > 0 ? this.#nodes[(node.index - 1) >> 1] : undefined;
      if (!parent || before(parent, node)) return;
      const index = node.index;
      this.#place(node, parent.index);
      this.#place(parent, index);
    }
  }

  #sink(node: Node<Item>): void {
    for (;;) {
      const left = this.#nodes[2 * node.index + 1];
      const right = this.#nodes[2 * node.index + 2];
      const child = left && right && before(right, left) ? right : left;
      if (!child || before(node, child)) return;
      const index = node.index;
      this.#place(node, child.index);
      this.#place(child, index);
    }
  }
}

function before<Item>(a: Node<Item>, b: Node<Item>): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order);
}
