(function () {
  var field = document.getElementById("q"), hits = document.getElementById("hits"), found = document.getElementById("found");
  function plain(text) { return text.toLowerCase().replace(/_/g, " "); }
  var entries = CATALOG.map(function (one) { return { kind: one[0], name: one[1], href: one[3], named: plain(one[1]), told: plain(one[2]) }; });
  // A name that begins so comes first, then one that holds it, then words that do.
  function rank(one, wanted) {
    if (one.named.indexOf(wanted) === 0) { return 1; }
    if (one.named.indexOf(wanted) > 0) { return 2; }
    return one.told.indexOf(wanted) >= 0 ? 3 : 0;
  }
  field.addEventListener("input", function () {
    var wanted = plain(field.value.trim());
    found.textContent = "";
    if (!wanted) { hits.textContent = ""; return; }
    var matching = entries.map(function (one) { return { one: one, rank: rank(one, wanted) }; })
      .filter(function (it) { return it.rank > 0; })
      .sort(function (a, b) { return a.rank - b.rank || (a.one.named < b.one.named ? -1 : 1); });
    hits.textContent = matching.length + " found" + (matching.length > 30 ? ", the first 30:" : "");
    matching.slice(0, 30).forEach(function (it) {
      var item = document.createElement("li"), link = document.createElement("a"), kind = document.createElement("span");
      link.href = it.one.href; link.textContent = it.one.name;
      kind.className = "soft"; kind.textContent = " " + it.one.kind;
      item.appendChild(link); item.appendChild(kind); found.appendChild(item);
    });
  });
  // On a phone the lists would push the page itself out of sight.
  if (window.matchMedia("(max-width: 52rem)").matches) {
    [].forEach.call(document.querySelectorAll("details.group"), function (one) { one.open = false; });
  }
  [].forEach.call(document.querySelectorAll("svg.lineage"), function (graph) {
    var edges = [].slice.call(graph.querySelectorAll(".edge"));
    function reached(start, from, to) {
      var seen = {}, todo = [start];
      while (todo.length) {
        var node = todo.pop();
        edges.forEach(function (edge) {
          if (edge.dataset[from] === node && !seen[edge.dataset[to]]) { seen[edge.dataset[to]] = true; todo.push(edge.dataset[to]); }
        });
      }
      return seen;
    }
    function light(node) {
      var after = node ? reached(node, "from", "to") : {}, before = node ? reached(node, "to", "from") : {};
      after[node] = before[node] = true;
      graph.classList.toggle("asked", Boolean(node));
      edges.forEach(function (edge) {
        var from = edge.dataset.from, to = edge.dataset.to;
        edge.classList.toggle("lit", Boolean(node) && ((after[from] && after[to]) || (before[from] && before[to])));
      });
      [].forEach.call(graph.querySelectorAll(".node"), function (one) {
        one.classList.toggle("lit", Boolean(node) && Boolean(after[one.dataset.node] || before[one.dataset.node]));
      });
    }
    [].forEach.call(graph.querySelectorAll(".node"), function (one) {
      ["mouseenter", "focus"].forEach(function (what) { one.addEventListener(what, function () { light(one.dataset.node); }); });
      ["mouseleave", "blur"].forEach(function (what) { one.addEventListener(what, function () { light(""); }); });
    });
  });
})();
