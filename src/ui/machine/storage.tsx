/** What the page keeps on this machine, with its size, and out again. */
import { useCallback, useEffect, useRef, useState } from "react";
import type { Fault } from "../../gpu/device.ts";
import { faultFrom } from "../../store/engine.ts";
import { askToPersist, findRoom, type Item, type Room, SHELVES, type Shelf } from "../../store/shelves.ts";
import { bytes, plural } from "../numbers.ts";
import { FaultText, Notice } from "../parts/notice.tsx";

export default function Storage() {
  const [room, setRoom] = useState<Room>();
  const look = useCallback(() => void findRoom().then(setRoom, () => undefined), []);
  useEffect(look, [look]);
  return (
    <>
      {room && <RoomLine room={room} onChange={look} />}
      {SHELVES.map((shelf) => (
        <ShelfSection key={shelf.title} shelf={shelf} onChange={look} />
      ))}
    </>
  );
}

function RoomLine({ room, onChange }: { readonly room: Room; readonly onChange: () => void }) {
  const [refused, setRefused] = useState(false);
  const ask = async () => {
    setRefused(!(await askToPersist()));
    onChange();
  };
  return (
    <div className="room">
      <p>
        <b>{bytes(room.used)}</b> in use, by the browser's count, of {bytes(room.quota)} that it allows this page.
      </p>
      {room.persistent ? (
        <p className="hint">The browser keeps it until you remove it.</p>
      ) : (
        <div className="row">
          <p className="hint">When the disk gets full, the browser may clear it by itself.</p>
          <button type="button" onClick={() => void ask()}>
            Ask it not to
          </button>
        </div>
      )}
      <p role="status" className="hint">
        {refused ? "The browser did not agree. Many do once the page is installed or bookmarked." : ""}
      </p>
    </div>
  );
}

function ShelfSection({ shelf, onChange }: { readonly shelf: Shelf; readonly onChange: () => void }) {
  const [items, setItems] = useState<readonly Item[]>();
  const [fault, setFault] = useState<Fault | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const fail = useCallback((error: unknown) => setFault(faultFrom(error, "What is listed here.", "Try again.")), []);
  const look = useCallback(() => shelf.list().then(setItems, fail), [shelf, fail]);
  useEffect(() => void look(), [look]);
  const remove = async (ids: readonly string[]) => {
    setFault(null);
    try {
      for (const id of ids) await shelf.remove(id);
    } catch (error) {
      fail(error);
    }
    await look();
    onChange();
    heading.current?.focus();
  };
  const total = (items ?? []).reduce((sum, item) => sum + item.bytes, 0);
  return (
    <section className="shelf" aria-label={shelf.title}>
      <div className="row">
        <h3 ref={heading} tabIndex={-1}>
          {shelf.title}
        </h3>
        <span className="hint">{items === undefined ? "looking …" : items.length === 0 ? "nothing" : bytes(total)}</span>
        {items && items.length > 1 && (
          <Remove
            name={`of ${shelf.title}`}
            label="Remove all"
            question={`Remove ${plural(items.length, "item")}, ${bytes(total)}?`}
            onRemove={() => void remove(items.map(({ id }) => id))}
          />
        )}
      </div>
      <p className="hint">{shelf.says}</p>
      {items && items.length > 0 && (
        <ul>
          {items.map(({ id, title, bytes: size, remark }) => (
            <li key={id} className="row">
              <span dir="auto" className="what">
                {title} {remark && <span className="hint">{remark}</span>}
              </span>
              <span className="number">{bytes(size)}</span>
              <Remove
                name={remark ? `${title}, ${remark}` : title}
                label="Remove"
                question={`Remove ${title}?`}
                onRemove={() => void remove([id])}
              />
            </li>
          ))}
        </ul>
      )}
      {fault && (
        <Notice kind="error">
          <FaultText fault={fault} />
        </Notice>
      )}
    </section>
  );
}

interface RemoveProps {
  readonly name: string;
  readonly label: string;
  readonly question: string;
  readonly onRemove: () => void;
}

/** Asks first, in its own place; the answer that changes nothing has the focus. */
function Remove({ name, label, question, onRemove }: RemoveProps) {
  const [asks, setAsks] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  useEffect(() => {
    if (asks) keep.current?.focus();
    else if (asked.current) button.current?.focus();
    asked.current = asks;
  }, [asks]);
  if (!asks)
    return (
      <button ref={button} type="button" className="quiet" aria-label={`${label} ${name}`} onClick={() => setAsks(true)}>
        {label}
      </button>
    );
  return (
    <fieldset className="row" aria-label={question}>
      <span>{question}</span>
      <button
        type="button"
        onClick={() => {
          setAsks(false);
          onRemove();
        }}
      >
        Yes, remove
      </button>
      <button ref={keep} type="button" onClick={() => setAsks(false)}>
        Keep
      </button>
    </fieldset>
  );
}
