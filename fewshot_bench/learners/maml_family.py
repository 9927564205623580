"""The names of MAML's variants, as options of one function. Learning rates and steps are set in the grid."""

from fewshot_bench.basics.about import About

NAMES: dict[str, About] = {
    "maml++": {
        "title": "MAML++ as Grefenstette et al. 2019 ran it, the paper's variant: the multi-step loss, learned rates",
        "learns": "weights; rates and betas by tensor",
        "gradient": "through all inner steps",
        "cite": {
            "grefenstette2019": "this variant of MAML++ is its own",
            "antoniou2019": "the multi-step loss and learned rates that it keeps",
            "finn2017": "the algorithm that it varies",
            "kingma2015": "the meta-optimizer",
        },
        "published": [
            {
                "source": "Gimli arXiv:1910.01727 Table 2",
                "method": "MAML++ (Gimli variant)",
                # appendix B, config.yaml and notebook
                "recipe": "std over 3 training seeds (ddof 1) that share 600 test tasks and, it seems, initial "
                "weights; 1 query per class, transductive batch norm, 5 inner steps, logits averaged over the 5 best "
                "validation epochs",
                "backbone": None,
                "inner_optimizer": None,
                "std": True,
            }
        ],
    },
    "maml++-original": {
        "title": "MAML++ of Antoniou et al. 2019: rates for each layer and step, norms for each step",
        "learns": "weights; rates by tensor and step; norms by step",
        "gradient": "through all inner steps",
        "cite": {
            "antoniou2019": "the algorithm",
            "finn2017": "the algorithm that it varies",
            "kingma2015": "the meta-optimizer",
        },
        "options": {  # a rate for each layer and step, of either sign
            "adapt_norms": False,
            "norms": "per-step",
            "grain": "tensor-and-step",
            "constraint": "none",
        },
    },
    "maml": {
        "title": "MAML: weights from which a few steps adapt (Finn et al. 2017)",
        "learns": "initial weights",
        "gradient": "through all inner steps",
        "cite": {"finn2017": "the algorithm", "kingma2015": "the meta-optimizer"},
        "published": [
            {
                "source": "Reptile arXiv:1803.02999 tables",
                "method": "MAML + transduction",
                "recipe": "quoted there from Finn et al. 2017; only beside vgg, the nearest to its four convolutions; "
                "±: half the 95 % interval over its test tasks",
                "quoted": "Quoted by Reptile's paper from Finn et al. 2017, not run by it.",
            }
        ],
        "options": {"learn_hyperparameters": False, "msl_epochs": 0, "meta_lr_min": 0.001},  # Adam at 1e-3: cbfinn/maml
    },
    "fomaml": {
        "title": "MAML without second derivatives",
        "learns": "initial weights",
        "gradient": "first order",
        "cite": {"finn2017": "the first-order variant, of its section 5.2", "kingma2015": "the meta-optimizer"},
        "published": [
            {
                "source": "Reptile arXiv:1803.02999 tables",
                "method": "FOMAML + transduction",
                "recipe": "quoted there; only beside vgg, the nearest to its four convolutions; ±: half the 95 % "
                "interval over its test tasks",
                "quoted": "Quoted by Reptile's paper, not run by it.",
            }
        ],
        "options": {"learn_hyperparameters": False, "msl_epochs": 0, "meta_lr_min": 0.001, "second_order": False},
    },
    "anil": {
        "title": "MAML that adapts the last layer alone (Raghu et al. 2020)",
        "learns": "initial weights",
        "gradient": "through all inner steps",
        "cite": {
            "raghu2020": "the algorithm, of its section 4.1",
            "finn2017": "the algorithm that it varies",
            "kingma2015": "the meta-optimizer",
        },
        "options": {"learn_hyperparameters": False, "msl_epochs": 0, "meta_lr_min": 0.001, "adapt": "head"},
    },
    "boil": {
        "title": "MAML that adapts all but the last layer (Oh et al. 2021)",
        "learns": "initial weights",
        "gradient": "through all inner steps",
        "cite": {
            "oh2021": "the algorithm",
            "finn2017": "the algorithm that it varies",
            "kingma2015": "the meta-optimizer",
        },
        "options": {"learn_hyperparameters": False, "msl_epochs": 0, "meta_lr_min": 0.001, "adapt": "body"},
    },
    "meta-sgd": {
        "title": "MAML with a learned rate, of either sign, for each weight (Li et al. 2017)",
        "learns": "weights; a rate for each weight",
        "gradient": "through the one inner step",
        "cite": {"li2017": "the algorithm", "kingma2015": "the meta-optimizer"},
        "options": {"msl_epochs": 0, "meta_lr_min": 0.001, "grain": "element", "constraint": "none"},
    },
}
"""Names in a grid -> their descriptions and options of `learners.maml.maml`; see basics/about.py."""
