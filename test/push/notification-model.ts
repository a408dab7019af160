import type { EventId } from '../../src/matrix/identifiers.ts';
import type { Notification, UnreadCount } from '../../src/storage/notifications.ts';
import type { ReadMark } from '../../src/storage/read-marks.ts';
import { groupBy } from '../../src/util/group-by.ts';

interface Remembered extends Notification {
  isRead: boolean;
}

/** What is notified and read, one entry for each user and event: slow, and too simple to be wrong. */
export class NotificationModel {
  #all: Remembered[] = [];

  notify(notifications: readonly Notification[]): void {
    this.#all.push(...notifications.map((one) => ({ ...one, isRead: false })));
  }

  read(marks: readonly ReadMark[]): Set<number> {
    const changed = new Set<number>();
    for (const { userNid, roomNid, threadId, upTo } of marks) {
      for (const one of this.#all) {
        const isMeant = one.userNid === userNid && one.roomNid === roomNid && one.position <= upTo;
        if (one.isRead || !isMeant || (threadId ?? one.threadId) !== one.threadId) continue;
        one.isRead = true;
        changed.add(userNid);
      }
    }
    return changed;
  }

  /** Takes away the notifications of an event, and names who had not read it. */
  withdraw(position: number): Set<number> {
    const gone = this.#all.filter((one) => one.position === position && !one.isRead);
    this.#all = this.#all.filter((one) => one.position !== position);
    return new Set(gone.map((one) => one.userNid));
  }

  forgetUser(userNid: number): void {
    this.#all = this.#all.filter((one) => one.userNid !== userNid);
  }

  sweep({ readTs, unreadTs }: { readonly readTs: number; readonly unreadTs: number }): void {
    this.#all = this.#all.filter((one) => one.createdTs >= (one.isRead ? readTs : unreadTs));
  }

  count(userNid: number, roomNids: readonly number[], upTo: number): UnreadCount[] {
    const unread = this.#unreadOf(userNid).filter(
      (one) => roomNids.includes(one.roomNid) && one.position <= upTo,
    );
    return [...groupBy(unread, (one) => `${one.roomNid} ${one.threadId}`).values()].flatMap((own) => {
      const [first] = own;
      if (first === undefined) return [];
      const { roomNid, threadId } = first;
      return { roomNid, threadId, notifications: own.length, highlights: highlightsIn(own).length };
    });
  }

  work(userNid: number, after: number, joined: readonly number[]) {
    const unread = this.#unreadOf(userNid);
    const next = unread.find((one) => one.position > after);
    return { next: next?.position, unread: unread.filter((one) => joined.includes(one.roomNid)).length };
  }

  /** Newest first: the position of each, whether it is read, and what is to be done. */
  list(userNid: number, highlightsOnly: boolean) {
    const own = this.#all.filter((one) => one.userNid === userNid);
    return (highlightsOnly ? highlightsIn(own) : own)
      .toReversed()
      .map(({ position, isRead, actions }) => ({ position, isRead, actions }));
  }

  roomsBetween(userNid: number, after: number, upTo: number): Set<number> {
    const between = this.#all.filter((one) => one.position > after && one.position <= upTo);
    return new Set(between.filter((one) => one.userNid === userNid).map((one) => one.roomNid));
  }

  #unreadOf(userNid: number): Remembered[] {
    return this.#all.filter((one) => one.userNid === userNid && !one.isRead);
  }
}

function highlightsIn(notifications: readonly Remembered[]): Remembered[] {
  return notifications.filter((one) => one.isHighlight);
}

/** A thread by a number; 0 is none. */
export function threadOf(number: number): EventId | 'main' {
  return number === 0 ? 'main' : (`$thread${number}` as EventId);
}
