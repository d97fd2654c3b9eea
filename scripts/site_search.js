// Pages opened from disk may not start workers. This one runs in a hidden frame instead, for the site's search.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      // what is said before the script is there would be lost
      this.early = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      this.room = frame.contentWindow;
      const begin = "postMessage = (data) => parent.heard(data); importScripts = () => {};";
      window.heard = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      window.ready = () => {
        const early = this.early;
        this.early = null;
        early.forEach((data) => this.postMessage(data));
      };
      this.room.document.open();
      this.room.document.write(
        `<script>${begin}<\/script><script src="${address}"><\/script><script>parent.ready()<\/script>`,
      );
      this.room.document.close();
    }
    postMessage(data) {
      if (this.early) this.early.push(data);
      else this.room.dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
