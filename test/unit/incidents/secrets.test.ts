import { expect, test } from "vitest";
import { splitCredentials } from "../../../src/wire/git-url.ts";

test("F-707 credentials leave the URL of a repository before it is written down, in whichever way they were in it", () => {
  const split = (url: string) => splitCredentials(url);
  const url = "https://git.example/r.git";
  expect(split("https://ann:p%40ss@git.example/r.git")).toEqual({
    url,
    secrets: { GIT_TOKEN: "p@ss", GIT_USERNAME: "ann" },
  });
  expect(split("https://ghp_token@git.example/r.git")).toEqual({ url, secrets: { GIT_TOKEN: "ghp_token" } });
  expect(split("https://:token@git.example/r.git")).toEqual({ url, secrets: { GIT_TOKEN: "token" } });
  expect(split("HTTP://ann:a%zzb@git.example:8080/r.git")).toEqual({
    url: "http://git.example:8080/r.git",
    secrets: { GIT_TOKEN: "a%zzb", GIT_USERNAME: "ann" },
  });
  expect(split("ssh://git:secret@git.example/r.git")).toEqual({ url: "ssh://git@git.example/r.git", secrets: {} });
  expect(split("https://ann:secret@git example/r.git")).toBe(null);
  for (const plain of [
    url,
    "git@git.example:r.git",
    "ssh://git@git.example/r.git",
    "/srv/r.git",
    "/srv/my work/r.git",
    "file:///srv/r.git",
    "host:r.git",
  ])
    expect(split(plain)).toEqual({ url: plain, secrets: {} });
  expect(split("  https://ann:secret@git.example/r.git\n")).toMatchObject({ url });
});

test.each([
  "https://h/a@b/r.git",
  "ht\ttps://ann:secret@h/r",
  "https://ann:se/cret@h/r",
  "https://ann:12/cret@h/r",
  "https://ann:se#cret@h/r",
  "https://ann:se?cret@h/r",
  "https://h/r?access_token=secret",
  "https://h/r#secret",
  "https:/ann:secret@h/r",
  "https:ann:secret@h/r",
  "https:\\\\ann:secret@h\\r",
  "https::https://ann:secret@h/r",
  "//ann:secret@h/r",
  "ann:secret@h:r",
  "ssh://ann%3Asecret@h/r",
  "git://secret@h/r",
])("F-707 what is no plain address of a repository is refused, since a credential may be in it: %s", (address) => {
  expect(splitCredentials(address)).toBe(null);
});
