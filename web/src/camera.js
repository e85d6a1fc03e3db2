// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** The visitor's camera, as upright images. */

import { UserError } from './image_files.js';

const REASONS = {
  NotAllowedError: 'the browser was not allowed to use it; allow it in the ' +
    "address bar's settings",
  NotFoundError: 'there is none; choose a photograph',
  NotReadableError: 'another program uses it; close that one',
};
/** Width by height of what is shown, that of a standing person. */
const SHAPE = 3 / 4;

/** Images of the camera's middle, (w, h) = 3 : 4. */
export class Camera {
  /** @throws {UserError} */
  static async open() {
    const devices = navigator.mediaDevices;
    if (!devices) {
      throw new UserError(
        'The camera cannot be used: the page was not loaded over HTTPS; ' +
          'choose a photograph.',
      );
    }
    try {
      const stream = await devices.getUserMedia({
        video: { facingMode: 'user', height: { ideal: 480 } },
      });
      const video = document.createElement('video');
      [video.muted, video.playsInline] = [true, true];
      video.srcObject = stream;
      await video.play();
      return new Camera(stream, video);
    } catch (error) {
      const reason = REASONS[error.name] ?? error.message;
      throw new UserError(`The camera cannot be used: ${reason}.`);
    }
  }

  constructor(stream, video) {
    this.stream = stream;
    this.video = video;
    const { videoWidth, videoHeight } = video;
    this.width = Math.min(videoWidth, Math.round(videoHeight * SHAPE));
    this.height = Math.min(videoHeight, Math.round(videoWidth / SHAPE));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [this.width, this.height];
    this.context = canvas.getContext('2d', { willReadFrequently: true });
  }

  /** Return the image of now, RGBA, mirrored as in a mirror. */
  read() {
    const { video, width, height, context } = this;
    const left = (video.videoWidth - width) / 2;
    const top = (video.videoHeight - height) / 2;
    context.setTransform(-1, 0, 0, 1, width, 0);
    context.drawImage(video, left, top, width, height, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    return { data, width, height };
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
  }
}
