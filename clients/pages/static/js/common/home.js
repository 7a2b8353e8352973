// Where to go, with one key: the digit on the door, or the arrows and Enter.

const doors = Array.from(document.querySelectorAll(".doors a"));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, dialog")) return;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const at = doors.indexOf(document.activeElement);
    doors[(at + step + doors.length) % doors.length]?.focus();
  } else if (/^[1-9]$/.test(event.key)) doors[Number(event.key) - 1]?.click();
});
