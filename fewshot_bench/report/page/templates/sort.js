/* Tables are sorted by their columns' titles. Without this script the page is whole; it only keeps its order. */
(function () {
  "use strict";
  var NUMBER = /^[<>≤≥~]?\s*([+\u2212-]?(?:\d[\d,]*)?(?:\.\d+)?(?:e[+-]?\d+)?)(?=$|[\s%±\/])/i;
  var ORDERS = ["none", "ascending", "descending"];

  function text(row, column) {
    return row.cells[column].firstElementChild.textContent.trim();
  }

  function missing(word) {
    return word === "" || word === "-" || word === "–";
  }

  function number(word) {
    var found = NUMBER.exec(word);
    return found && /\d/.test(found[1]) ? parseFloat(found[1].replace(/,/g, "").replace("\u2212", "-")) : NaN;
  }

  function sorted(rows, column, turn) {
    var words = rows.map(function (row) { return text(row, column); });
    var numbers = words.map(number);
    var numeric = words.every(function (word, i) { return missing(word) || !isNaN(numbers[i]); });
    var order = rows.map(function (row, i) { return i; });
    order.sort(function (a, b) {
      if (missing(words[a]) || missing(words[b])) return missing(words[a]) - missing(words[b]) || a - b;
      var apart = numeric ? numbers[a] - numbers[b] : words[a].localeCompare(words[b], "en", { numeric: true });
      return turn * apart || a - b;
    });
    return order.map(function (i) { return rows[i]; });
  }

  function prepare(table) {
    var body = table.tBodies[0], first = Array.from(body.rows);
    var rows = first.filter(function (row) { return row.className !== "head"; });
    var heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
    heads.forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      while (head.firstChild) button.append(head.firstChild);
      if (!button.textContent) button.setAttribute("aria-label", "Sort by the first column");
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () {
        var next = ORDERS[(ORDERS.indexOf(head.getAttribute("aria-sort")) + 1) % ORDERS.length];
        heads.forEach(function (other) { other.setAttribute("aria-sort", "none"); });
        head.setAttribute("aria-sort", next);
        table.classList.toggle("sorted", next !== "none");
        body.replaceChildren.apply(body, next === "none" ? first : sorted(rows, column, next === "ascending" ? 1 : -1));
      });
    });
  }

  Array.from(document.querySelectorAll("table")).forEach(function (table) {
    if (table.tBodies[0].rows.length > 1) prepare(table);
  });
  document.documentElement.classList.add("scripted");

  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (each) { each.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (each) { each.open = false; });
  });
})();
