"""Names, endings and folders by which a file's kind is told, all in small letters."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEST_FOLDERS = _words("test tests __tests__ testing spec specs testdata __mocks__ e2e androidtest")

SECRET_NAMES = _words(
    ".env .envrc id_rsa id_dsa id_ecdsa id_ed25519 id_ecdsa_sk id_ed25519_sk .netrc _netrc .pgpass"
    " .pypirc .git-credentials .htpasswd .dockercfg .vault-token .my.cnf .s3cfg .boto kubeconfig"
    " credentials.json client_secret.json secrets.yml secrets.yaml secrets.json secrets.toml"
)
SECRET_PATHS = (".aws/credentials", ".docker/config.json", ".kube/config", ".ssh/config")
SECRET_ENDS = _words(
    ".pem .key .p12 .pfx .ppk .jks .keystore .kdbx .tfstate .tfvars .p8 .pkcs12 .ovpn"
)
SAMPLE_WORDS = ("example", "sample", "template", "dist", "defaults")

VENDOR_FOLDERS = _words(
    "node_modules bower_components jspm_packages third_party third-party thirdparty 3rdparty"
    " site-packages dist-packages _vendor _vendored vendored pods carthage"
)

LOCKS = _words(
    "package-lock.json npm-shrinkwrap.json pnpm-lock.yaml go.sum go.work.sum bun.lockb"
    " package.resolved packages.lock.json pylock.toml .terraform.lock.hcl"
)
LOCK_ENDS = (".lock", ".lockfile", "-lock.json", "-lock.yaml", "-lock.yml", ".lock.json")

SOURCE_ENDS = _words(
    ".py .pyi .pyx .pxd .pyw .js .mjs .cjs .jsx .ts .mts .cts .tsx .vue .svelte .astro .go .rs"
    " .java .kt .kts .scala .groovy .gradle .clj .cljs .cljc .edn .c .h .cc .cpp .cxx .hh .hpp"
    " .hxx .ipp .inl .m .mm .cu .cuh .cs .fs .fsx .vb .swift .rb .erb .rake .php .phtml .pl .pm .t"
    " .lua .r .jl .dart .ex .exs .eex .heex .erl .hrl .hs .lhs .ml .mli .elm .nim .zig .v .sv .svh"
    " .vhd .vhdl .d .pas .f .f90 .f95 .for .asm .s .sh .bash .zsh .fish .ps1 .psm1 .bat .cmd .sql"
    " .proto .thrift .graphql .gql .css .scss .sass .less .styl .html .htm .xhtml .jinja .jinja2"
    " .j2 .tmpl .tpl .mustache .hbs .ejs .pug .haml .slim .liquid .sol .vy .move .cairo .tf .hcl"
    " .nix .cmake .mk .awk .sed .el .lisp .scm .rkt .tcl .vim .glsl .vert .frag .hlsl .wgsl"
    " .metal .cl .ino .coffee .ls .hx .gd .cr .bzl .star .rego .wat .y .l .prisma"
    " .inc .sty .cls .pcss .wxml .wxss .pyf .dot .puml .def"
)
DOCS_ENDS = _words(
    ".md .mdx .markdown .rst .txt .adoc .asciidoc .org .pod .tex .rtf .texi .man .1 .2 .3 .5 .7 .8"
    " .ipynb .rmd .qmd .textile .wiki .creole .rdoc"
)
DOCS_NAMES = _words(
    "readme license licence copying notice authors contributors changelog changes history news"
    " todo contributing code_of_conduct security maintainers thanks credits install copyright"
    " bugs manifesto releasenotes release_notes"
)
CONFIG_ENDS = _words(
    ".toml .yaml .yml .ini .cfg .conf .config .properties .editorconfig .plist .xcconfig .csproj"
    " .fsproj .vbproj .vcxproj .sln .props .targets .pbxproj .gemspec .podspec .cabal .opam .json5"
    " .jsonc .service .desktop .in .ac .am .m4 .gyp .gypi .gn .ninja .mod .work .rc .cnf"
)
CONFIG_NAMES = _words(
    "package.json tsconfig.json jsconfig.json composer.json deno.json angular.json nx.json"
    " lerna.json turbo.json vercel.json manifest.json app.json project.json bower.json pom.xml"
    " build.xml web.config androidmanifest.xml requirements.txt constraints.txt cmakelists.txt"
    " pipfile go.mod go.work launch.json settings.json tasks.json extensions.json"
)
BUILD_NAMES = _words(
    "makefile gnumakefile dockerfile containerfile jenkinsfile vagrantfile procfile rakefile"
    " gemfile podfile brewfile justfile build workspace meson configure codeowners"
)
DATA_ENDS = _words(
    ".json .jsonl .ndjson .geojson .csv .tsv .xml .svg .xsd .xsl .xslt .dtd .po .pot .log"
    " .out .snap .ambr .diff .patch .srt .vtt .bib .ics .hex .dat .sum .asc .sig .crt .cer .csr"
    " .pub .lst .map .obj .stl .gltf .ply .fasta .fa .vcf .har .golden .expected"
)
BINARY_ENDS = _words(
    ".png .jpg .jpeg .gif .webp .bmp .ico .icns .tif .tiff .heic .heif .avif .psd .ai .eps .jp2"
    " .mp3 .mp4 .m4a .m4v .wav .ogg .oga .ogv .flac .aac .avi .mov .mkv .webm .pdf .doc .docx .xls"
    " .xlsx .ppt .pptx .odt .ods .odp .zip .gz .tgz .bz2 .xz .zst .lz4 .7z .rar .tar .jar .war .ear"
    " .aar .apk .ipa .whl .egg .gem .nupkg .deb .rpm .dmg .iso .img .exe .dll .so .dylib .a .lib .o"
    " .pyc .pyo .pyd .class .wasm .woff .woff2 .ttf .otf .eot .sqlite .sqlite3 .db .db3 .mdb .npy"
    " .npz .pkl .pickle .parquet .feather .arrow .h5 .hdf5 .onnx .pt .pth .ckpt .safetensors .gguf"
    " .tflite .mo .bin .node .swf .fla .blend .fbx .glb .sketch .fig .xcf .mpg .mpeg .wmv"
)
