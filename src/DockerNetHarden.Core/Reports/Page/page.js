'use strict';
// Texts of hosts only ever become text nodes and attribute values, never markup.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const words = data.words;
  const SVG = 'http://www.w3.org/2000/svg';
  // Numbers of FindingStatus and AccessLevel.
  const PASSES = 0, NOT_APPLICABLE = 3, NOTHING_THERE = 0, CLOSED = 1, OPEN = 4;
  // More hosts than these are printed only where they are open.
  const MOST_PRINTED = 9;

  const byId = id => document.getElementById(id);
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {}))
      if (value !== null && value !== false) node.setAttribute(name, value === true ? '' : value);
    node.append(...children.filter(child => child !== null && child !== ''));
    return node;
  }
  const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const mark = tone => draw('svg', { 'aria-hidden': 'true' }, draw('use', { href: '#mark-' + tone }));

  // A control character stands for one of the network's own values.
  const text = (index, own) => index < 0 ? null : data.texts[index].replace(/[\u0001-\u0008]/g, letter => own[letter.charCodeAt(0) - 1]);
  const texts = (list, own) => list.map(index => text(index, own));

  function readFinding(index, own, network) {
    const [id, title, severity, status, evidence, remedy, cis, change, container] = data.findings[index];
    return { id: text(id), title: text(title), severity, status, evidence, remedy, cis, change, container: text(container), own, network };
  }
  function readNetwork(row) {
    const own = texts(row[0], []);
    const name = text(row[1], own);
    return {
      own, name, place: text(row[2], own), internal: row[3] === 1, profile: text(row[4], own), findings: row[6].map(index => readFinding(index, own, name)),
      cells: row[5].map(index => {
        const [destination, level, tone, finding, status, ways, more] = data.cells[index];
        return { destination, level, tone, finding: text(finding), status, ways, more };
      }),
    };
  }
  const hosts = data.hosts.map((row, index) => ({
    index, name: text(row[0]), problem: text(row[1]), row, element: byId('host-' + index),
    get networks() { return this.known || (this.known = row[2].map(readNetwork)); },
    get containers() { return row[3].map(each => ({ name: text(each[0]), image: text(each[1]), networks: texts(each[2]), ports: texts(each[3]) })); },
    get others() { return row[4].map(([index, network]) => readFinding(index, [], text(network))); },
  }));

  // What the filter asks for.
  const wanted = { host: '', network: '', status: '' };
  const isOpen = status => status !== PASSES && status !== NOT_APPLICABLE;
  function isWanted(finding) {
    if (wanted.status === '') return true;
    if (wanted.status === 'open') return isOpen(finding.status);
    const [kind, number] = wanted.status.split(' ');
    return (kind === 'change' ? finding.change : finding.status) === Number(number);
  }
  const has = (name, part) => name.toLowerCase().includes(part);
  const isNetworkWanted = network => has(network.name, wanted.network) && (wanted.status === '' || network.findings.some(isWanted));
  // What is about the whole host also decides for each of its networks.
  const othersOf = host => host.others.filter(finding => isWanted(finding) && (finding.network === null || has(finding.network, wanted.network)));
  function shownOf(host) {
    const networks = host.networks.filter(isNetworkWanted);
    const findings = networks.flatMap(network => network.findings.filter(isWanted)).concat(othersOf(host));
    const isShown = has(host.name, wanted.host) && (host.problem !== null ? wanted.network === '' && wanted.status === ''
      : wanted.network === '' ? wanted.status === '' || findings.length > 0 : networks.length > 0);
    return { isShown, networks, findings };
  }

  // The matrix.
  function matrix(host, networks) {
    const table = make('table', { class: 'matrix', role: 'table' },
      make('caption', {}, 'What containers reach. Each cell opens the rule that decides.'),
      make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, make('th', { scope: 'col', role: 'columnheader' }, 'Network'),
        ...words.destinations.map(word => make('th', { scope: 'col', role: 'columnheader' }, word)))));
    table.append(make('tbody', { role: 'rowgroup' }, ...networks.map((network, row) => matrixRow(host, network, row))));
    return table;
  }
  function matrixRow(host, network, row) {
    const about = [network.internal ? 'internal' : null, network.profile === null ? null : 'profile ' + network.profile].filter(part => part !== null).join(', ');
    return make('tr', { role: 'row', 'data-network': network.name },
      make('th', { scope: 'row', role: 'rowheader' }, network.name, make('small', {}, network.place), about === '' ? null : make('small', {}, about)),
      ...network.cells.map(cell => {
        const button = make('button', { type: 'button', class: 'cell tone ' + cell.tone, 'aria-expanded': 'false', 'data-destination': words.destinations[cell.destination] },
          mark(cell.tone), make('span', {}, make('span', { class: 'to' }, words.destinations[cell.destination] + ': '), words.levels[cell.level]),
          cell.status < 0 ? null : make('span', { class: 'unseen' }, ', ' + cell.finding + ' ' + words.statuses[cell.status]));
        button.addEventListener('click', () => togglePanel(button, network, cell, `panel-${host.index}-${row}`));
        return make('td', { role: 'cell' }, button);
      }));
  }
  function togglePanel(button, network, cell, id) {
    const wasOpen = button.getAttribute('aria-expanded') === 'true';
    const row = button.closest('tr');
    for (const other of row.querySelectorAll('.cell')) {
      other.setAttribute('aria-expanded', 'false');
      other.removeAttribute('aria-controls');
    }
    byId(id)?.remove();
    if (wasOpen) return;
    button.setAttribute('aria-expanded', 'true');
    button.setAttribute('aria-controls', id);
    const panel = make('tr', { class: 'panel', id, role: 'row' }, make('td', { colspan: network.cells.length + 1, role: 'cell' }, ...panelOf(network, cell)));
    panel.addEventListener('keydown', event => { if (event.key === 'Escape') { togglePanel(button, network, cell, id); button.focus(); } });
    row.after(panel);
  }
  function panelOf(network, cell) {
    const judged = cell.status < 0 ? 'No check judges it.' : `${cell.finding} ${words.statuses[cell.status]}.`;
    return [
      make('h4', {}, `From ${network.name} to ${words.destinations[cell.destination]}: ${words.levels[cell.level]}`), make('p', {}, judged),
      cell.ways.length === 0 ? make('p', {}, 'Nothing that its containers can send goes there.') : make('ul', { class: 'ways' }, ...cell.ways.map(index => way(network, index))),
      cell.more === 0 ? null : make('p', {}, `${cell.more} more rules decide.`),
    ].filter(part => part !== null);
  }
  function way(network, index) {
    const [verdict, packets, excepted, place, rule, reason, path, destination] = data.ways[index];
    const own = network.own;
    return make('li', {},
      make('p', {}, make('strong', {}, words.verdicts[verdict]), excepted === 1 ? ' by an exception: ' : ': ', text(packets, own)),
      place < 0 ? make('p', {}, 'No rule decides.') : make('p', {}, 'Decided by ', make('code', {}, text(place, own)), rule < 0 ? null : make('pre', { class: 'rule' }, text(rule, own))),
      make('p', {}, text(reason, own)), destination < 0 ? null : make('p', {}, 'Translated to ' + text(destination, own) + '.'),
      make('ol', { class: 'path', 'aria-label': 'The way of one of these packets' }, ...path.map(step => make('li', {}, text(step, own)))));
  }

  // The findings.
  const tones = ['good', 'bad', 'doubt', 'none', 'doubt'];
  function subject(finding) {
    const parts = [finding.container === null ? null : 'container ' + finding.container, finding.network === null ? null : 'network ' + finding.network].filter(part => part !== null);
    return parts.length === 0 ? 'the host' : parts.join(' on ');
  }
  function findingOf(finding) {
    const body = make('div', {});
    const item = make('details', { class: 'finding', 'data-id': finding.id, 'data-network': finding.network, 'data-status': finding.status },
      make('summary', {}, make('span', { class: 'tone ' + tones[finding.status] }, mark(tones[finding.status]), ' ' + words.statuses[finding.status]), make('strong', {}, finding.id), ' ', finding.title, ' ',
        make('small', {}, subject(finding)), finding.change < 0 ? null : make('span', { class: 'badge ' + ['bad', 'plain', 'good'][finding.change] }, words.changes[finding.change])), body);
    item.addEventListener('toggle', () => {
      if (!item.open || body.hasChildNodes()) return;
      const evidence = texts(finding.evidence, finding.own);
      body.append(evidence.length === 0 ? make('p', {}, 'Nothing more was noted.') : make('ul', { class: 'evidence' }, ...evidence.map(line => make('li', {}, line))));
      if (finding.remedy >= 0) body.append(...remedy(text(finding.remedy, finding.own)));
      if (finding.cis >= 0) body.append(make('p', {}, make('small', {}, 'CIS Docker Benchmark ' + text(finding.cis))));
    });
    return item;
  }
  // Most remedies end in a command: that is what somebody wants to copy.
  function remedy(whole) {
    const command = whole.includes('\n') ? null : /^(.*(?:command|run): )(\S.*)$/i.exec(whole);
    return [make('h4', {}, 'Remedy'), command === null ? null : make('p', {}, command[1]), ...copyable(command === null ? whole : command[2])].filter(part => part !== null);
  }
  function copyable(content) {
    const block = make('pre', {}, content);
    const button = make('button', { type: 'button', class: 'copy' }, 'Copy');
    button.addEventListener('click', async () => { button.textContent = await copy(content, block) ? 'Copied' : 'Selected: press Ctrl+C'; });
    return [block, button];
  }
  // A page that was opened as a file has no clipboard of its own.
  async function copy(content, block) {
    try {
      await navigator.clipboard.writeText(content);
      return true;
    } catch {
      getSelection().selectAllChildren(block);
      return document.execCommand('copy');
    }
  }
  function findingsOf(findings) {
    const open = findings.filter(finding => isOpen(finding.status));
    const rest = findings.filter(finding => !isOpen(finding.status));
    const groups = words.severities.map((word, severity) => ({ word, list: open.filter(finding => finding.severity === severity) })).reverse().filter(group => group.list.length > 0);
    const parts = groups.flatMap(group => [make('h4', {}, `${group.word} (${group.list.length})`), ...group.list.map(findingOf)]);
    if (rest.length > 0) parts.push(folded(rest));
    return parts.length > 0 ? parts : [make('p', {}, 'No finding is shown.')];
  }
  function folded(findings) {
    const count = status => findings.filter(finding => finding.status === status).length;
    const item = make('details', { class: 'folded' }, make('summary', {}, `${count(PASSES)} pass, ${count(NOT_APPLICABLE)} do not apply`));
    const show = () => { if (item.open && item.childElementCount === 1) item.append(...findings.map(findingOf)); };
    item.addEventListener('toggle', show);
    item.open = wanted.status !== '' && wanted.status !== 'open';
    show();
    return item;
  }

  // The picture: containers, their networks, and a line to each destination that they reach.
  function picture(host, networks) {
    const lanes = networks.map(network => ({ network, name: network.name, place: network.place, containers: host.containers.filter(each => each.networks.includes(network.name)).map(each => each.name) }));
    if (wanted.network === '') {
      const known = new Set(host.networks.map(network => network.name));
      for (const name of new Set(host.containers.flatMap(each => each.networks)))
        if (!known.has(name)) lanes.push({ network: null, name, place: 'no rule for containers decides', containers: host.containers.filter(each => each.networks.includes(name)).map(each => each.name) });
    }
    const SHOWN = 4, LINE = 15, GAP = 14;
    let y = 16;
    for (const lane of lanes) {
      lane.lines = lane.containers.slice(0, SHOWN).concat(lane.containers.length > SHOWN ? [`and ${lane.containers.length - SHOWN} more`] : []);
      lane.height = Math.max(40, lane.lines.length * LINE + 8);
      lane.middle = y + lane.height / 2;
      y += lane.height + GAP;
    }
    const height = Math.max(y, words.destinations.length * 54 + 16);
    const spot = destination => 16 + (height - 32) * (destination + .5) / words.destinations.length;
    const cut = (value, length) => value.length > length ? value.slice(0, length - 1) + '\u2026' : value;
    const id = 'picture-' + host.index;
    const svg = draw('svg', { viewBox: `0 0 960 ${height}`, role: 'img', 'aria-labelledby': id },
      draw('title', { id }, `${host.name}: ` + networks.map(network => `${network.name} reaches ${reached(network)}`).join('; ') + '.'));
    for (const lane of lanes.filter(each => each.network !== null))
      for (const cell of lane.network.cells.filter(isReached))
        svg.append(draw('path', { class: `${cell.tone}${cell.level === OPEN ? '' : ' part'}`, d: `M540 ${lane.middle} C660 ${lane.middle} 660 ${spot(cell.destination)} 800 ${spot(cell.destination)}` }));
    for (const lane of lanes) {
      const top = lane.middle - lane.lines.length * LINE / 2;
      lane.lines.forEach((line, number) => svg.append(draw('text', { x: 12, y: top + number * LINE + 11 }, cut(line, 26))));
      if (lane.lines.length > 0) svg.append(draw('path', { d: `M215 ${lane.middle} H290` }));
      svg.append(draw('rect', { x: 290, y: lane.middle - 20, width: 250, height: 40, rx: 4 }), draw('text', { x: 300, y: lane.middle - 3 }, cut(lane.name, 32)), draw('text', { x: 300, y: lane.middle + 13, class: 'small' }, cut(lane.place, 38)));
    }
    words.destinations.forEach((word, destination) => svg.append(draw('rect', { x: 800, y: spot(destination) - 16, width: 150, height: 32, rx: 16 }), draw('text', { x: 875, y: spot(destination) + 5, 'text-anchor': 'middle' }, word)));
    return make('figure', { class: 'picture', tabindex: '0', role: 'group', 'aria-label': 'Picture of ' + host.name }, svg,
      make('figcaption', {}, 'A line: open. Broken: in part, up to a rate, or not certain. No line: closed, or nothing there.'));
  }
  const isReached = cell => cell.level !== NOTHING_THERE && cell.level !== CLOSED;
  function reached(network) {
    const open = network.cells.filter(isReached).map(cell => words.destinations[cell.destination]);
    return open.length === 0 ? 'nothing' : open.join(', ');
  }

  // A host is made when it is opened, and again when the filter changes.
  function render(host) {
    const body = host.element.lastElementChild;
    if (!host.element.open) {
      host.drawn = false;
      return;
    }
    host.drawn = true;
    if (host.problem !== null) return;
    const { networks, findings } = shownOf(host);
    body.replaceChildren(...[
      networks.length === 0 ? null : make('h3', {}, 'Matrix'), networks.length === 0 ? null : matrix(host, networks),
      networks.length === 0 ? null : make('h3', {}, 'Picture'), networks.length === 0 ? null : picture(host, networks),
      make('h3', {}, 'Findings'), ...findingsOf(findings)].filter(part => part !== null));
  }
  function apply() {
    wanted.host = byId('by-host').value.trim().toLowerCase();
    wanted.network = byId('by-network').value.trim().toLowerCase();
    wanted.status = byId('by-status').value;
    const count = { hosts: 0, networks: 0, findings: 0 };
    for (const host of hosts) {
      const { isShown, networks, findings } = shownOf(host);
      host.element.hidden = !isShown;
      if (!isShown) continue;
      count.hosts++;
      count.networks += networks.length;
      count.findings += findings.length;
      render(host);
    }
    byId('shown').textContent = `${count.hosts} of ${hosts.length} hosts, ${count.networks} networks, ${count.findings} findings shown`;
  }

  for (const host of hosts)
    host.element.addEventListener('toggle', () => { if (host.element.open && !host.drawn) render(host); });
  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(apply, 150); };
  const form = byId('filter');
  form.hidden = false;
  form.addEventListener('input', soon);
  form.addEventListener('reset', soon);
  form.addEventListener('submit', event => event.preventDefault());

  // On paper nothing can be opened. A few hosts are printed whole, many as they are on the screen.
  let opened = [];
  addEventListener('beforeprint', () => {
    const open = item => { if (!item.open) { item.open = true; opened.push(item); item.dispatchEvent(new Event('toggle')); } };
    const shown = hosts.filter(host => !host.element.hidden);
    if (shown.length <= MOST_PRINTED) shown.forEach(host => open(host.element));
    document.querySelectorAll('.finding').forEach(item => { if (isOpen(Number(item.dataset.status))) open(item); });
  });
  addEventListener('afterprint', () => { opened.forEach(item => { item.open = false; }); opened = []; });
  apply();
})();
