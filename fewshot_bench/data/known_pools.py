"""Hashes of pools whose source was known and checked. Another hash is no fault, but then the pixels are not these."""

KNOWN_POOLS: dict[str, str] = {
    # All 32,460 images of the two archives, each character with its 20 drawers; images of the official small sets are
    # byte-identical to those in these archives.
    "150ffb18707c7d4b1b0c0a0fb6a41e2bb87b173e710b8ac5df1acc3e8bd6fc58": (
        "Omniglot, the images of images_background.zip and images_evaluation.zip of brendenlake/omniglot, 28x28 nearest"
    ),
    # The JPEGs that the CSVs of Ravi and Larochelle name, all 60,000, at 84x84 as they came (most likely OpenCV's area
    # filter); decoded by libjpeg-turbo, other JPEG decoders may differ by a grey level here and there.
    "26f943a4f4547361fec2ae6991fe4237e2883fb6ed32fce9cb465cadcda35785": (
        "mini-ImageNet, the 84x84 JPEGs of Ravi and Larochelle's CSVs, not resized"
    ),
}
