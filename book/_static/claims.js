// Filters of the table of claims, and the line that a link points to opened. Without this script all lines are shown.
document.addEventListener("DOMContentLoaded", () => {
  const bar = document.querySelector(".filters");
  if (!bar) return;
  const chosen = [...bar.querySelectorAll("select")];
  const lines = [...document.querySelectorAll("table.claims tbody tr")];
  const filter = () => {
    for (const line of lines) line.hidden = chosen.some((one) => one.value && line.dataset[one.dataset.filter] !== one.value);
    document.getElementById("counted").textContent = `${lines.filter((line) => !line.hidden).length} of ${lines.length} claims`;
  };
  const open = () => {
    const line = document.getElementById(location.hash.slice(1));
    if (line && line.matches("table.claims tr")) line.querySelector("details").open = true;
  };
  for (const one of chosen) one.addEventListener("change", filter);
  addEventListener("hashchange", open);
  bar.hidden = false;
  filter();
  open();
});
