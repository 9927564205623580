#!/usr/bin/env bash
# The runs that the paper's tables are compared with, at its full budget, one after another, for one machine with a GPU.
#
#   benchmarks/reference_runs.sh                                all of them; started again, it goes on where it was
#   BUDGET=75 EPOCHS=3 TASKS=20 SEEDS=0 DEVICE=cpu OUT=results/try benchmarks/reference_runs.sh      a thousandth, on a CPU
#
# BUDGET meta-steps a cell (75000) in so many EPOCHS (150), the part that the slow ones get (SLOW=7500), SEEDS ("0 1 2"),
# TASKS of each evaluation (600), DEVICE (auto), OUT (results/reference-runs). FEWSHOT_DATA is where the data lie. A run that fails does
# not stop the others; the last line says how many did.
set -uo pipefail
cd "$(dirname "$0")/.."

BUDGET=${BUDGET:-75000}
SLOW=${SLOW:-$((BUDGET / 10))}
EPOCHS=${EPOCHS:-150}
SEEDS=${SEEDS:-0 1 2}
TASKS=${TASKS:-600}
DEVICE=${DEVICE:-auto}
OUT=${OUT:-results/reference-runs}
failed=0

# cells NAME PRESET WAYS BACKBONE RULE META-STEPS [MORE CHANGES ...]: 1-shot cells of a preset, and their untrained twins.
cells() {
    local name=$1 preset=$2 ways=$3 backbone=$4 rule=$5 steps=$6
    shift 6
    local epoch=$((steps < EPOCHS ? 1 : steps / EPOCHS))
    for iterations in "$steps" 0; do
        # shellcheck disable=SC2086  # seeds are words
        uv run run_bench.py run "$preset" --out "$OUT/$name" --device "$DEVICE" --seed $SEEDS \
            --set "grid.ways=[$ways]" "grid.shots=[1]" "grid.backbone=[\"$backbone\"]" "grid.inner_optimizer=[\"$rule\"]" \
            "training.iterations=$iterations" "training.iterations_per_epoch=$epoch" "evaluation.tasks=$TASKS" "$@" ||
            failed=$((failed + 1))
    done
}

cells omniglot-5w1s gimli-omniglot 5 vgg sgd "$BUDGET"
cells omniglot-5w1s gimli-omniglot 5 vgg adam "$BUDGET"
cells omniglot-20w1s gimli-omniglot 20 resnet-4 adam "$BUDGET" # Figures 2 and 3, and where Adam beats SGD
cells omniglot-20w1s gimli-omniglot 20 resnet-4 sgd "$BUDGET"
for backbone in vgg densenet-8; do
    for rule in sgd adam; do
        cells omniglot-20w1s gimli-omniglot 20 "$backbone" "$rule" "$BUDGET"
    done
done
cells omniglot-20w1s gimli-omniglot 20 resnet-12 sgd "$SLOW"
cells omniglot-20w1s gimli-omniglot 20 resnet-12 adam "$SLOW" # never published
cells mini-imagenet-1-query gimli-mini-imagenet 5 vgg sgd "$SLOW"
cells mini-imagenet-15-queries gimli-mini-imagenet 5 vgg sgd "$SLOW" training.queries=15

for folder in "$OUT"/*/; do
    uv run run_bench.py report "$folder" --format html
done
echo "$failed runs failed"
exit $((failed > 0))
