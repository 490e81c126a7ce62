"""Where the faces lie in bare-face pictures whose source is not aligned: writes `faces` into an occlusion recipe.

    python3 tools/face-boxes.py DATASET recipes/face-mask-occlusion.json

DATASET holds manifest.csv (file_name, label, source, width, height). Needs scikit-image and Pillow (Debian:
python3-skimage, python3-pil). The detector is OpenCV's local-binary-pattern cascade for frontal faces, as scikit-image
ships it: no weights are downloaded. A picture counts when exactly one face is found and, in a tight crop, when that face
fills most of it. Development only: training and inference never need Python.
"""

import csv
import json
import sys

import numpy as np
from PIL import Image
from skimage import data
from skimage.feature import Cascade

PADDING = 0.2  # of the longer side: tight crops cut the chin, and the cascade wants some margin
SHORT_SIDE = 200  # px: enough for faces a sixth of the picture wide
TIGHT = 200  # px: pictures of these sources with a longer side below this are crops of one face


def boxes(detector, path):
    """Centre x, y, width and height of every face, relative to the picture."""
    picture = Image.open(path).convert("RGB")
    scale = min(1, SHORT_SIDE / min(picture.size))
    picture = picture.resize((int(picture.width * scale), int(picture.height * scale)))
    width, height = picture.size
    pad = int(PADDING * max(width, height))
    canvas = Image.new("RGB", (width + 2 * pad, height + 2 * pad), (128, 128, 128))
    canvas.paste(picture, (pad, pad))
    side = min(canvas.size)
    found = detector.detect_multi_scale(
        img=np.asarray(canvas), scale_factor=1.12, step_ratio=1.3, min_size=(int(side * 0.12),) * 2, max_size=(side, side)
    )
    return [
        [
            round((box["c"] + box["width"] / 2 - pad) / width, 3),
            round((box["r"] + box["height"] / 2 - pad) / height, 3),
            round(box["width"] / width, 3),
            round(box["height"] / height, 3),
        ]
        for box in found
    ]


def main(dataset, recipe_path):
    with open(recipe_path) as file:
        recipe = json.load(file)
    with open(f"{dataset}/manifest.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == recipe["bareLabel"]]
    detector = Cascade(data.lbp_frontal_face_cascade_filename())
    faces = {}
    for row in rows:
        if row["source"] in recipe["geometries"]:
            continue
        found = boxes(detector, f"{dataset}/{row['file_name']}")
        tight = max(int(row["width"]), int(row["height"])) < TIGHT
        if len(found) == 1 and (not tight or found[0][2] > 0.55):
            faces[row["file_name"]] = found[0]
    recipe["faces"] = dict(sorted(faces.items()))
    lines = json.dumps({key: value for key, value in recipe.items() if key != "faces"}, indent=2)
    entries = ",\n".join(f"    {json.dumps(name)}: {json.dumps(box)}" for name, box in recipe["faces"].items())
    with open(recipe_path, "w") as file:
        file.write(lines[:-2] + ',\n  "faces": {\n' + entries + "\n  }\n}\n")
    print(f"{len(faces)} faces in {len(rows)} bare pictures")


if __name__ == "__main__":
    main(*sys.argv[1:3])
